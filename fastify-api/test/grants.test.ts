import { createMeter, PostgresRevocationFeed, RevocationSet } from '@fastify-uws-auth/auth-contract'
import pg from 'pg'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { cleanUpOnce } from '../src/clean-up.js'
import { auditConsumer } from '../src/consumers/audit.js'
import { createSignalsConsumer } from '../src/consumers/signals.js'
import { buryEvent, listDeadLetters, replayDeadLetters } from '../src/db/dead-letters.js'
import { claimDueMails, countWaitingMails, markMailFailed, markMailSent } from '../src/db/mails.js'
import { createDirectTransport } from '../src/events/direct-transport.js'
import { createEventMetrics } from '../src/events/event-metrics.js'
import { relayOnce } from '../src/events/relay.js'
import { replayOnce } from '../src/events/replay.js'
import { buyTicket, createKeyFiles, get, login, refresh, startApi } from './fixtures/api.js'
import { createEvent, deliver } from './fixtures/events.js'
import { consume, newDevice } from './fixtures/mails.js'

const silent = pino({ enabled: false })

/** The database as one of the least-privilege roles sees it. */
const asRole = (connectionString: string, role: string) => `${connectionString}?options=-c%20role%3D${role}`

t.test('each role can do its work and nothing else', async t => {
  const database = await createDatabase(t)
  const poolOf = (t: Test, role: string) => {
    const pool = new pg.Pool({ connectionString: asRole(database.connectionString, role), max: 1 })
    pool.on('error', () => {})            // ending a pool does not wait for its connections; the database is dropped under them
    t.teardown(() => pool.end())
    return pool
  }
  const refuses = async (t: Test, role: string, statements: string[]) => {
    const pool = poolOf(t, role)
    for (const statement of statements) {
      await t.rejects(pool.query(statement), { code: '42501' }, `${role}: ${statement}`)
    }
  }
  const ADDS_TO_HISTORY = "insert into audit_log (event_id, occurred_at, type, data) values (uuid_v7(), now(), 'x', '{}')"
  const NOBODY_REWRITES_HISTORY = [
    "update audit_log set type = 'x'", 'delete from audit_log', 'truncate audit_log', 'alter table audit_log rename to other', 'drop table audit_log',
    "create table mine partition of audit_log for values from ('2000-01-01') to ('2000-02-01')",
    ...['delete from', 'truncate', 'drop table', 'select from'].map(verb => `${verb} audit_log_${new Date().toISOString().slice(0, 7).replace('-', '_')}`)
  ]
  const NOBODYS_BUSINESS = [
    'drop table users', 'alter table sessions drop column replays', 'truncate revocations', 'create table public.mine (id int)', 'create schema mine',
    'alter table revocations disable trigger notify_revocation', 'select from migrations', 'create role more', "copy users to program 'cat'", "select pg_read_file('/etc/passwd')",
    'create or replace function notify_revocation() returns trigger language sql as $$ select null $$', 'create function public.mine() returns int language sql as $$ select 1 $$'
  ]

  t.test('api runs the API', async t => {
    const files = await createKeyFiles(t)
    const { app, resources } = await startApi(t, {}, { database: { ...database, connectionString: asRole(database.connectionString, 'api') }, files })
    const session = await login(app)
    const refreshed = await refresh(app, session.refreshToken)
    t.equal(refreshed.statusCode, 200)
    t.equal((await get(app, '/api/me', refreshed.json().accessToken)).statusCode, 200)
    await resources.confirmer.flush()
    t.equal((await database.pool.query('select confirmed_generation as confirmed from sessions where id = $1', [session.sessionId])).rows[0].confirmed, 1)
    t.equal((await get(app, '/api/sessions', session.accessToken)).statusCode, 200)
    t.equal((await get(app, '/api/me/history', session.accessToken)).statusCode, 200)
    t.equal((await buyTicket(app, session.accessToken)).statusCode, 200)
    const guess = await app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'wrong' } })
    t.equal(guess.statusCode, 401)
    t.equal((await database.pool.query('select from guess_ceilings')).rowCount, 1)
    t.equal((await get(app, '/api/devices', session.accessToken)).json().devices.length, 1)
    t.equal((await app.inject({ method: 'DELETE', url: `/api/devices/${session.sessionId}`, headers: { authorization: `Bearer ${session.accessToken}` } })).statusCode, 404)
    t.equal((await app.inject({ method: 'DELETE', url: '/api/sessions', headers: { authorization: `Bearer ${session.accessToken}` } })).statusCode, 204)
    t.equal((await app.inject({ method: 'POST', url: '/api/reauthenticate', headers: { authorization: `Bearer ${session.accessToken}` }, payload: { password: 'password123' } })).statusCode, 204)
    t.equal((await app.inject({ method: 'POST', url: '/api/logout', headers: { authorization: `Bearer ${session.accessToken}` }, payload: { everywhere: true } })).statusCode, 204)
    t.equal((await get(app, '/api/me', refreshed.json().accessToken)).statusCode, 401)
    await refuses(t, 'api', [...NOBODYS_BUSINESS, 'delete from users', 'delete from sessions', 'delete from revocations', "update revocations set reason = 'x'", 'truncate sessions',
      'select from ws_tickets', 'delete from ws_tickets', "update ws_tickets set ticket_expires_at = 'infinity'", "select consume_ws_ticket('x')",
      'insert into socket_presence values (uuid_v7(), uuid_v7())', 'delete from socket_presence', 'update socket_processes set seen_at = now()', "select touch_presence(uuid_v7(), '{}', '{}')",
      'select from outbox', 'delete from outbox', 'select from outbox_lanes', 'update outbox_lanes set lease = null', 'select from dead_letters',
      'select from mails', 'delete from mails', "update mails set state = 'sent'", ...NOBODY_REWRITES_HISTORY, ADDS_TO_HISTORY, 'select make_audit_month(now())', "select drop_old_audit_months('400 days')", 'select from risk_observations', 'delete from risks'])
  })

  t.test('worker cleans up', async t => {
    await database.pool.query("update sessions set expires_at = now() - interval '1 second'")
    await database.pool.query("update revocations set revoked_at = now() - interval '25 hours'")
    await database.pool.query("update ws_tickets set ticket_expires_at = now() - interval '1 second'")
    await database.pool.query("update devices set last_used_at = now() - interval '432 days'")
    await database.pool.query('insert into guess_ceilings (user_id, device_id, failures) select user_id, id, 1 from devices')
    await database.pool.query("select touch_presence(uuid_v7(), array[uuid_v7(), uuid_v7()], '{}')")
    await database.pool.query("update socket_processes set seen_at = now() - interval '61 seconds'")
    const worker = poolOf(t, 'worker')
    const waiting = (await database.pool.query('select from outbox')).rowCount!
    await database.pool.query("insert into outbox (type) values ('unknown')")
    const way = { pool: worker, log: silent, metrics: createEventMetrics(await createMeter(undefined), []) }
    let moved = 0
    while (moved <= waiting) moved += await relayOnce(way, createDirectTransport(way, []))
    await replayDeadLetters(database.pool, 'relay')
    await buryEvent(worker, { id: '01890000-0000-7000-8000-000000000003' }, 'audit', 'x')
    await replayDeadLetters(database.pool, 'audit')
    await replayOnce(way, [])
    t.match(await listDeadLetters(worker), [{ consumer: 'audit' }])
    const months = async () => (await database.pool.query("select from pg_inherits where inhparent = 'audit_log'::regclass")).rowCount
    const theft = createEvent('session.theft', { sessionId: '01890000-0000-7000-8000-000000000002', ip: '192.0.2.1' }, { time: new Date(Date.now() - 80 * 86_400_000).toISOString() })
    await deliver(worker, auditConsumer, theft)
    await deliver(worker, createSignalsConsumer(await createMeter(undefined)), theft)
    t.equal(await months(), 3)
    await database.pool.query("update risk_observations set recorded_at = now() - interval '1 day'")
    const { id: userId } = (await database.pool.query("update users set email = 'someone@example.test', created_at = now() - interval '1 day' returning id")).rows[0]
    await consume(worker, [newDevice(userId), newDevice(userId)])
    const [sent, failed] = await claimDueMails(worker, 4, 60_000)
    await markMailSent(worker, sent!.id)
    t.equal(await markMailFailed(worker, failed!, 'EENVELOPE 451', 0, 60_000), 'waiting')
    t.equal(await countWaitingMails(worker), 1)
    await database.pool.query("update mails set finished_at = now() - interval '31 days', created_at = now() - interval '31 days' where state = 'sent'")
    t.same(await cleanUpOnce(worker, silent, 40 * 86_400_000), { sessions: 1, revocations: 1, tickets: 1, presence: 2, devices: 1, signals: 1, mails: 1, auditMonths: 1 })
    await refuses(t, 'worker', [
      ...NOBODYS_BUSINESS, 'select * from users', 'select password_hash from users', "update users set username = 'x'", 'delete from users', "insert into revocations (sid, user_id, reason) values (uuid_v7(), uuid_v7(), 'x')",
      'update sessions set revoked_at = null', 'update sessions set secret_hash = secret_hash', "update sessions set expires_at = 'infinity'", 'update revocations set revoked_at = now()',
      'select confirm_generations(array[]::uuid[], array[]::int[])', "select consume_ws_ticket('x')", "select touch_presence(uuid_v7(), '{}', '{}')",
      "update ws_tickets set ticket_expires_at = 'infinity'", 'insert into socket_processes values (uuid_v7())', 'update socket_processes set seen_at = now()',
      'insert into socket_presence values (uuid_v7(), uuid_v7())', 'update socket_presence set session_id = uuid_v7()',
      'update devices set secret_hash = secret_hash', 'insert into devices (user_id, secret_hash) values (uuid_v7(), uuid_send(uuid_v7()))', 'select from guess_ceilings', 'delete from guess_ceilings',
      ...NOBODY_REWRITES_HISTORY, 'select from audit_log', 'update risks set minute = 0', "update risk_observations set recorded_at = 'infinity'", "update outbox set data = '{}'", 'delete from outbox_lanes', 'insert into outbox_lanes values (99)'
    ])
  })

  t.test('ws hears of ended sessions, confirms generations, takes tickets and tells who is online', async t => {
    const sid = '01890000-0000-7000-8000-000000000001'
    const { id } = (await database.pool.query('select id from users')).rows[0]
    await database.pool.query(`insert into sessions (id, user_id, secret_hash, generation, amr, expires_at, idle_expires_at)
      values ($1, $2, decode(repeat('00', 32), 'hex'), 2, '{pwd}', now() + interval '1 day', now() + interval '1 day')`, [sid, id])
    await poolOf(t, 'ws').query('select confirm_generations($1, $2)', [[sid, sid, sid], [1, 2, 9]])
    t.equal((await database.pool.query('select confirmed_generation as confirmed from sessions where id = $1', [sid])).rows[0].confirmed, 0, 'one that was never issued spoils its session only')
    await poolOf(t, 'ws').query('select confirm_generations($1, $2)', [[sid, sid], [1, 2]])
    t.equal((await database.pool.query('select confirmed_generation as confirmed from sessions where id = $1', [sid])).rows[0].confirmed, 2)

    const ticketHash = Buffer.alloc(32, 7)
    await database.pool.query("insert into ws_tickets values ($1, $2, $3, 2, 'kid', now(), now(), now(), '{pwd}', now() + interval '30 seconds')", [ticketHash, id, sid])
    const consume = () => poolOf(t, 'ws').query('select user_id, session_id from consume_ws_ticket($1)', [ticketHash])
    t.same((await consume()).rows, [{ user_id: id, session_id: sid }])
    t.same((await consume()).rows, [])
    const touch = async () => (await poolOf(t, 'ws').query('select touch_presence($1, $2, $3) as known', [sid, [sid], []])).rows[0].known
    t.same([await touch(), await touch()], [false, true])

    const revocations = new RevocationSet({ accessTokenLifetimeMs: 900_000 })
    const feed = new PostgresRevocationFeed({ connectionString: asRole(database.connectionString, 'ws'), revocations, maxStalenessMs: Infinity, log: silent })
    await feed.start()
    t.teardown(() => feed.close())
    const heard = new Promise<string>(resolve => { revocations.onRevoked(({ sid }) => resolve(sid)) })
    await database.pool.query("insert into revocations (sid, user_id, reason) values ($1, $2, 'logout')", [sid, id])
    t.equal(await heard, sid)
    await refuses(t, 'ws', [
      ...NOBODYS_BUSINESS, 'select from mails', 'select from users', 'select password_hash from users', 'select from sessions', 'select secret_hash from sessions', 'update sessions set generation = 0',
      ...NOBODY_REWRITES_HISTORY, ADDS_TO_HISTORY, 'select from audit_log', 'select make_audit_month(now())', "select drop_old_audit_months('400 days')", 'select from risk_observations', 'select from risks',
      'delete from revocations', "insert into revocations (sid, user_id, reason) values (uuid_v7(), uuid_v7(), 'logout')", "update revocations set reason = 'x'",
      'select from ws_tickets', 'delete from ws_tickets', "insert into ws_tickets values ('x')", 'select from socket_processes', 'insert into socket_processes values (uuid_v7())',
      'select from socket_presence', 'insert into socket_presence values (uuid_v7(), uuid_v7())', 'delete from socket_presence', 'delete from socket_processes',
      'select from devices', 'delete from devices', 'select from guess_ceilings', 'update guess_ceilings set failures = 0'
    ])
  })

  t.test('none of them is more than itself, and nobody else sees anything', async t => {
    const { rows } = await database.pool.query(`
      select rolname from pg_roles r where rolname in ('auth_owner', 'api', 'worker', 'ws')
         and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or exists (select from pg_auth_members where member = r.oid))`)
    t.same(rows, [])
    t.match((await database.pool.query(`
      select has_schema_privilege('pg_monitor', 'public', 'usage') as sees, has_schema_privilege('pg_monitor', 'public', 'create') as makes,
             has_function_privilege('pg_monitor', 'confirm_generations(uuid[], integer[])', 'execute') as confirms,
             has_function_privilege('pg_monitor', 'consume_ws_ticket(bytea)', 'execute') as takes, has_function_privilege('pg_monitor', 'touch_presence(uuid, uuid[], uuid[])', 'execute') as touches,
             has_function_privilege('pg_monitor', 'make_audit_month(timestamptz)', 'execute') or has_function_privilege('pg_monitor', 'drop_old_audit_months(interval)', 'execute') as audits`
    )).rows[0], { sees: false, makes: false, confirms: false, takes: false, touches: false, audits: false })
  })
})

t.test('the functions of the owner run nothing that a caller has made, also where everybody may make temporary objects', async t => {
  const { pool } = await createDatabase(t)
  const { rows } = await pool.query("select proname, proconfig from pg_proc where prosecdef and pronamespace = 'public'::regnamespace")
  t.ok(rows.length >= 5)
  for (const { proname, proconfig } of rows) t.ok(proconfig.includes('search_path=pg_catalog, public, pg_temp'), proname)

  const client = await pool.connect()
  await client.query('do $$ begin execute format(\'grant temporary on database %I to worker\', current_database()); end $$')
  await client.query('set role worker')
  await client.query('create table pg_temp.ran_as (name text)')
  await client.query('grant all on pg_temp.ran_as to public')
  await client.query(`create function pg_temp.note (day date) returns boolean language plpgsql as
    $$ begin if current_user <> 'worker' then insert into pg_temp.ran_as values (current_user); end if; return true; end $$`)
  await client.query('create domain pg_temp.date as pg_catalog.date check (pg_temp.note(value))')
  await client.query('select public.make_audit_month(now())')
  t.same((await client.query('select name from pg_temp.ran_as')).rows, [])
  client.release(true)
})
