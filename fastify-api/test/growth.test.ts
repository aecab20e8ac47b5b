import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { listAuditRows } from '../src/db/audit.js'
import { createSession } from '../src/db/create-session.js'
import { findDevice, listDevices } from '../src/db/devices.js'
import { endAllSessions, endSession, endSessionOfUser, findSessionOwner } from '../src/db/end-sessions.js'
import { planMails } from '../src/db/mails.js'
import { rotateSession } from '../src/db/rotate-session.js'
import { listLiveSessions, markAuthenticated } from '../src/db/sessions.js'
import { findCredentials } from '../src/db/users.js'

const USERS = 20_000
/** Rows that belong to one user and its session, several times; a look through a table would read thousands. */
const FEW = 60
const DAY_MS = 86_400_000
const ORIGIN = { ip: '192.0.2.1', userAgent: 'Browser/1.0', requestId: 'growth' }
const SECRET_HASH = Buffer.alloc(32)

/** Rows of all tables that were read; of devices those that were updated. */
interface Counters { read: number, updated: number, updatedInPlace: number }

t.test('what a request reads does not grow with the number of users and sessions', async t => {
  const { connectionString, pool: setUp } = await createDatabase(t)
  await setUp.query(`insert into users (username, email, password_hash, password_pepper_version) select 'user' || n, 'user' || n || '@example.test', 'x', 1 from generate_series(1, ${USERS}) n`)
  await setUp.query('insert into devices (user_id, secret_hash) select id, sha256(convert_to(username, \'UTF8\')) from users')
  await setUp.query(`insert into sessions (user_id, device_id, secret_hash, amr, expires_at, idle_expires_at, revoked_at, revoke_reason)
    select d.user_id, d.id, $1, '{pwd}', now() + interval '30 days', now() + interval '7 days', case when ended then now() end, case when ended then 'logout' end
      from devices d cross join unnest(array[false, true]) ended`, [SECRET_HASH])
  await setUp.query('insert into audit_log (event_id, occurred_at, type, user_id, data) select uuid_v7(), now(), \'login.succeeded\', id, \'{}\' from users')
  await setUp.query('vacuum analyze')
  const { rows: [one] } = await setUp.query<{ userId: string, passwordChangedAt: string, sessionId: string, deviceId: string }>(
    `select u.id as "userId", u.password_changed_at::text as "passwordChangedAt", s.id as "sessionId", s.device_id as "deviceId"
       from users u join sessions s on s.user_id = u.id and s.revoked_at is null where username = 'user${USERS / 2}'`)
  const { userId, sessionId, deviceId } = one!

  const pool = new pg.Pool({ connectionString, max: 1 })        // the counters of one connection are told at once
  t.teardown(() => pool.end())
  const count = async (): Promise<Counters> => {
    await pool.query('select pg_stat_force_next_flush()')
    const { rows } = await pool.query<Counters>(
      `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read, (sum(n_tup_upd) filter (where relname = 'devices'))::int as updated, (sum(n_tup_hot_upd) filter (where relname = 'devices'))::int as "updatedInPlace"
         from pg_stat_user_tables where relname ~ '^(users|sessions|devices|audit_log.*|revocations|mails)$'`)
    return rows[0]!
  }
  const signIn = (replaces: { sessionId: string, secretHash: Buffer } | undefined) => createSession(pool, {
    ...one!,
    secretHash: SECRET_HASH,
    amr: ['pwd'],
    origin: ORIGIN,
    device: { id: deviceId, freshSecretHash: randomBytes(32) },
    maxAgeMs: 30 * DAY_MS,
    idleLifetimeMs: 7 * DAY_MS,
    replaces,
    maximum: { sessions: 2, devices: 50 }
  })
  const works: Record<string, () => Promise<unknown>> = {
    findCredentials: () => findCredentials(pool, `user${USERS / 2}@example.test`),
    findDevice: () => findDevice(pool, userId, [randomBytes(32)], 3600),
    'createSession, with room': () => signIn(undefined),
    'createSession, which replaces one and is one too many': () => signIn({ sessionId, secretHash: SECRET_HASH }),
    rotateSession: () => rotateSession(pool, { sessionId, secretHash: SECRET_HASH, generation: 0 }, { replayWindowMs: 0, idleLifetimeMs: DAY_MS }, ORIGIN),
    listLiveSessions: () => listLiveSessions(pool, userId),
    listDevices: () => listDevices(pool, userId, sessionId),
    listAuditRows: () => listAuditRows(pool, userId, ['login.succeeded'], undefined, 50),
    markAuthenticated: () => markAuthenticated(pool, userId, sessionId),
    findSessionOwner: () => findSessionOwner(pool, sessionId, SECRET_HASH),
    endSession: () => endSession(pool, sessionId, 'logout'),
    endSessionOfUser: () => endSessionOfUser(pool, userId, sessionId, 'logout', 'growth'),
    endAllSessions: () => endAllSessions(pool, userId, 'logout'),
    planMails: () => planMails(pool, [{ eventId: randomUUID(), template: 'new_device', userId, sessionId: undefined, requestId: undefined, occurredAt: new Date().toISOString(), details: {} }], 10)
  }
  for (const [name, work] of Object.entries(works)) {
    const before = await count()
    await work()
    const { read } = await count()
    t.ok(read - before.read < FEW, `${name} reads ${read - before.read} rows`)
  }

  const before = await count()
  for (let n = 0; n < 4; n++) await signIn(undefined)
  const after = await count()
  t.equal(after.updated - before.updated, 4)
  t.equal(after.updatedInPlace - before.updatedInPlace, 4, 'a device that is used again stays where it is, and no index hears of it')
})
