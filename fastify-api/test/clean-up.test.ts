import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { cleanUpOnce, startCleanUp } from '../src/clean-up.js'

const silent = pino({ enabled: false })
const NOTHING = { sessions: 0, revocations: 0, tickets: 0, presence: 0, devices: 0, signals: 0, mails: 0, auditMonths: 0 }
const KEEP_AUDIT_MS = 400 * 86_400_000

t.test('clean-up deletes what has ended for good and leaves the rest', async t => {
  const { pool } = await createDatabase(t)
  const { id: userId } = (await pool.query("insert into users (username, password_hash, password_pepper_version) values ('someone', 'x', 1) returning id")).rows[0]
  /** Sessions that end absolutely after `end`; whether they were revoked or have idled makes no difference. */
  const addSessions = async (count: number, end: string, { revoked = false, idle = false } = {}) => await pool.query(`
    insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at, revoked_at)
    select $1, decode(repeat('00', 32), 'hex'), '{pwd}', now() + $2::interval, case when $4 then now() - interval '1 hour' else now() + $2::interval end, case when $3 then now() end
      from generate_series(1, $5)`, [userId, end, revoked, idle, count])
  const addRevocations = async (count: number, age: string) => await pool.query(
    "insert into revocations (sid, user_id, reason, revoked_at) select gen_random_uuid(), $1, 'logout', now() - $2::interval from generate_series(1, $3)", [userId, age, count])
  const count = async (table: string, where = 'true') => (await pool.query(`select count(*)::int as count from ${table} where ${where}`)).rows[0].count as number

  t.test('in batches, until nothing is left', async t => {
    await addSessions(2500, '-1 second')
    await addSessions(3, '-30 days', { revoked: true })
    await addSessions(5, '1 minute')
    await addSessions(7, '1 minute', { revoked: true })
    await addSessions(11, '1 minute', { idle: true })
    await addRevocations(1200, '25 hours')
    await addRevocations(13, '23 hours')
    await addRevocations(17, '0')
    t.same(await cleanUpOnce(pool, silent, KEEP_AUDIT_MS), { ...NOTHING, sessions: 2503, revocations: 1200 })
    t.equal(await count('sessions'), 23, 'revoked and idle ones stay, so that an old refresh token is still recognised')
    t.equal(await count('revocations'), 30)
    t.equal(await count('users'), 1)
    t.same(await cleanUpOnce(pool, silent, KEEP_AUDIT_MS), NOTHING)
  })

  t.test('tickets that nobody used in time', async t => {
    const addTickets = (count: number, end: string) => pool.query(`
      insert into ws_tickets select sha256(gen_random_uuid()::text::bytea), $1, gen_random_uuid(), 0, 'kid', now(), now(), now(), '{pwd}', now() + $2::interval
        from generate_series(1, $3)`, [userId, end, count])
    await addTickets(2100, '-1 second')
    await addTickets(5, '20 seconds')
    t.same(await cleanUpOnce(pool, silent, KEEP_AUDIT_MS), { ...NOTHING, tickets: 2100 })
    t.equal(await count('ws_tickets'), 5)
  })

  t.test('presence of processes that have been silent for a minute', async t => {
    const touch = (process: string, sessions: number) => pool.query('select touch_presence($1, array(select gen_random_uuid() from generate_series(1, $2)), array[]::uuid[])', [process, sessions])
    const silence = (process: string, seconds: number) => pool.query("update socket_processes set seen_at = now() - $2::int * interval '1 second' where process_id = $1", [process, seconds])
    const [alive, late, dead] = [randomUUID(), randomUUID(), randomUUID()]
    await touch(alive, 7)
    await touch(late, 11)
    await touch(dead, 2300)
    await silence(late, 50)
    await silence(dead, 70)
    t.same(await cleanUpOnce(pool, silent, KEEP_AUDIT_MS), { ...NOTHING, presence: 2300 })
    t.same((await pool.query('select process_id as id from socket_processes order by seen_at')).rows.map(({ id }) => id), [late, alive])
    t.equal(await count('socket_presence'), 18)
    t.same(await cleanUpOnce(pool, silent, KEEP_AUDIT_MS), NOTHING)
    t.equal((await pool.query('select touch_presence($1, array[]::uuid[], array[]::uuid[]) as known', [dead])).rows[0].known, false, 'should it live after all, it is told')
  })

  t.test('a process that is seen while the clean-up waits for it stays', async t => {
    const process = randomUUID()
    await pool.query('select touch_presence($1, $2, array[]::uuid[])', [process, [randomUUID()]])
    await pool.query("update socket_processes set seen_at = now() - interval '2 minutes' where process_id = $1", [process])
    const heartbeat = await pool.connect()
    await heartbeat.query('begin')
    await heartbeat.query('select touch_presence($1, array[]::uuid[], array[]::uuid[])', [process])
    const cleaning = cleanUpOnce(pool, silent, KEEP_AUDIT_MS)
    await until(async () => (await pool.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).rowCount === 1)
    await heartbeat.query('commit')
    heartbeat.release()
    t.same(await cleaning, NOTHING)
    t.equal(await count('socket_presence', `process_id = '${process}'`), 1)
  })

  t.test('two at once delete each row once', async t => {
    await addSessions(3000, '-1 hour')
    const results = await Promise.all([cleanUpOnce(pool, silent, KEEP_AUDIT_MS), cleanUpOnce(pool, silent, KEEP_AUDIT_MS)])
    t.equal(results[0].sessions + results[1].sessions, 3000)
    t.equal(await count('sessions', 'expires_at < now()'), 0)

    await pool.query('insert into socket_presence select gen_random_uuid(), gen_random_uuid() from generate_series(1, 3000)')
    const [one, two] = await Promise.all([cleanUpOnce(pool, silent, KEEP_AUDIT_MS), cleanUpOnce(pool, silent, KEEP_AUDIT_MS)])
    t.equal(one.presence + two.presence, 3000)
  })

  t.test('told to stop, it finishes its batch and no more', async t => {
    await addSessions(2500, '-1 hour')
    t.equal((await cleanUpOnce(pool, silent, KEEP_AUDIT_MS, AbortSignal.abort())).sessions, 1000)
    t.equal(await count('sessions', 'expires_at < now()'), 1500)
  })

  t.test('the worker starts with a round and a failure does not end it', async t => {
    const output = new PassThrough()
    const log = pino(output)
    const nextLine = async () => JSON.parse(String((await once(output, 'data'))[0]))
    const [first, cleanUp] = [nextLine(), startCleanUp(pool, log, KEEP_AUDIT_MS)]
    t.match(await first, { msg: 'cleaned up', sessions: 1500 })
    await cleanUp.close()

    await pool.query('alter table sessions rename to elsewhere')
    const [second, failing] = [nextLine(), startCleanUp(pool, log, KEEP_AUDIT_MS)]
    t.match(await second, { msg: /will be tried again/ })
    await failing.close()
  })
})
