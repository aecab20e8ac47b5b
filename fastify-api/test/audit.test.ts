import { randomUUID } from 'node:crypto'
import { EVENT_TYPES, type EventData, type EventType } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { cleanUpOnce } from '../src/clean-up.js'
import { auditConsumer } from '../src/consumers/audit.js'
import { dropOldAuditMonths } from '../src/db/audit.js'
import { createAccountHash, createEvent, deliver } from './fixtures/events.js'

const DAY_MS = 86_400_000
const silent = pino({ enabled: false })

t.test('the audit log', async t => {
  const { pool } = await createDatabase(t)
  const log = async () => (await pool.query('select *, host(ip) as ip from audit_log order by occurred_at, event_id')).rows
  const months = async () => (await pool.query("select inhrelid::regclass::text as name from pg_inherits where inhparent = 'audit_log'::regclass order by 1")).rows.map(({ name }) => name as string)
  /** The first instant of the month so many months from now, and the name of its partition. */
  const monthFromNow = (distance: number) => {
    const now = new Date()
    const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + distance))
    return { first, partition: `audit_log_${first.toISOString().slice(0, 7).replace('-', '_')}` }
  }
  const rotated = (time: Date, id: string = randomUUID()) => createEvent('key.rotated', { kid: 'x' }, { time: time.toISOString(), id })
  t.beforeEach(() => pool.query('delete from audit_log'))

  t.test('begins with this month and the next', async t => {
    t.same(await months(), [monthFromNow(0).partition, monthFromNow(1).partition])
  })

  t.test('keeps events of every type, what has a column there and the rest as it is', async t => {
    const [sessionId, deviceId, subject, account] = [randomUUID(), randomUUID(), randomUUID(), createAccountHash()]
    const [ip, userAgent] = ['2001:db8::7', 'a "browser", {x} \\ ü']
    const data: { [T in EventType]: EventData<T> } = {
      'login.succeeded': { sessionId, ip, userAgent, deviceId, newDevice: true, amr: ['pwd'] },
      'login.failed': { reason: 'wrong_password', ip: null, userAgent: null, deviceId: null, account },
      'session.revoked': { sessionId, reason: 'logout' },
      'session.theft': { sessionId, ip: '::ffff:192.0.2.1' },
      'session.refreshed_elsewhere': { sessionId, outcome: 'replay', ip, rotatedIp: '192.0.2.1' },
      'user.registered': { username: 'ada' },
      'password.changed': { by: 'user' },
      'account.locked': { deviceId, failures: 5 },
      'account.unlocked': { by: 'admin' },
      'device.forgotten': { deviceId: randomUUID() },
      'key.rotated': { kid: 'x' },
      'risk.detected': { rule: 'a_rule', count: 3, ip: null, sessionId: null }
    }
    const start = Date.now()
    const events = EVENT_TYPES.map((type, i) => createEvent(type, data[type], { subject, requestid: `r${i}`, time: new Date(start + i).toISOString() }))
    await deliver(pool, auditConsumer, ...events)
    const rows = await log()
    t.same(rows.map(({ event_id: id, type, occurred_at: time, user_id: user, request_id: request }) => ({ id, type, time: time.toISOString(), user, request })),
      events.map(({ id, type, time, requestid }) => ({ id, type, time, user: subject, request: requestid })))
    for (const row of rows) {
      const { sessionId = null, ip = null, userAgent = null, ...rest }: { sessionId?: string | null, ip?: string | null, userAgent?: string | null, [other: string]: unknown } = data[row.type as EventType]
      t.strictSame({ sessionId: row.session_id, ip: row.ip, userAgent: row.user_agent, data: row.data }, { sessionId, ip, userAgent, data: rest }, row.type)
    }
  })

  t.test('takes an event once, however often it comes, alone, in a batch or at once', async t => {
    const events = Array.from({ length: 20 }, () => rotated(new Date()))
    await deliver(pool, auditConsumer, ...events, ...events)
    await Promise.all(events.map(event => deliver(pool, auditConsumer, event, events[0]!)))
    const rows = await log()
    t.same(rows.map(({ event_id: id }) => id).sort(), events.map(({ id }) => id).sort())
    await deliver(pool, auditConsumer, createEvent('key.rotated', { kid: 'another' }, { id: events[0]!.id, time: events[0]!.time }))
    t.same(await log(), rows, 'nothing of it changes')
  })

  t.test('makes the month of an event that comes late, whatever the time zone, when many ask at once', async t => {
    const instants = [-3, -2].flatMap(distance => [monthFromNow(distance).first, new Date(monthFromNow(distance + 1).first.getTime() - 1)])
    const name = (await pool.query('select current_database() as name')).rows[0].name
    await pool.query(`alter database ${name} set timezone to 'Pacific/Auckland'`)
    await pool.query(`alter database ${name} set datestyle to 'German'`)
    t.teardown(() => pool.query(`alter database ${name} reset all`))
    const away = new (pool.constructor as typeof import('pg').Pool)({ ...pool.options, max: 8 })
    away.on('error', () => {})
    t.teardown(() => away.end())
    await Promise.all(Array.from({ length: 8 }, (_, i) => deliver(away, auditConsumer, ...instants.map(instant => rotated(instant)), rotated(monthFromNow(i % 2).first))))
    t.same(await months(), [-3, -2, 0, 1].map(distance => monthFromNow(distance).partition))
    for (const distance of [-3, -2]) {
      const { rows } = await pool.query(`select count(*)::int as count, count(distinct occurred_at)::int as instants from ${monthFromNow(distance).partition}`)
      t.same(rows, [{ count: 16, instants: 2 }])
    }
  })

  t.test('makes no month that no event can come from; a batch with such an event leaves nothing', async t => {
    const before = await months()
    for (const distance of [-13, 2]) {
      await t.rejects(deliver(pool, auditConsumer, rotated(new Date()), rotated(monthFromNow(distance).first)), { code: '22023' })
    }
    for (const instant of ["'infinity'", "'-infinity'", 'null', "'4713-01-01 BC'"]) await t.rejects(pool.query(`select make_audit_month(${instant})`), `${instant}`)
    t.same([await months(), await log()], [before, []])
  })

  t.test('a new month makes nobody wait who reads or adds', async t => {
    const client = await pool.connect()
    const other = await pool.connect()
    try {
      await client.query('begin')
      await client.query('select count(*) from audit_log')
      await client.query("insert into audit_log (event_id, occurred_at, type, data) values (gen_random_uuid(), now(), 'x', '{}')")
      await other.query('begin')
      await other.query("set local lock_timeout = '1s'")
      await other.query('select make_audit_month($1)', [monthFromNow(-5).first])
      await client.query("set local lock_timeout = '1s'")
      await client.query('select count(*) from audit_log')
      await client.query("insert into audit_log (event_id, occurred_at, type, data) values (gen_random_uuid(), now(), 'x', '{}')")
      t.pass('both transactions are still open')
    } finally {
      await other.query('rollback')
      await client.query('rollback')
      other.release()
      client.release()
    }
  })

  t.test('loses a month when it ended longer ago than the retention, and only then', async t => {
    await deliver(pool, auditConsumer, ...[-12, -6, -3, -2, 0].map(distance => rotated(monthFromNow(distance).first)))
    const sinceEndOf = (distance: number) => Date.now() - monthFromNow(distance + 1).first.getTime()
    t.equal(await dropOldAuditMonths(pool, sinceEndOf(-6) + DAY_MS), 1)
    t.same(await months(), [-6, -3, -2, 0, 1].map(distance => monthFromNow(distance).partition))
    t.match(await cleanUpOnce(pool, silent, sinceEndOf(-3) - 1), { auditMonths: 2 })
    t.same(await months(), [-2, 0, 1].map(distance => monthFromNow(distance).partition))
    t.same((await log()).map(({ occurred_at: time }) => time), [-2, 0].map(distance => monthFromNow(distance).first))
    await t.rejects(dropOldAuditMonths(pool, 29 * DAY_MS), { code: '22023' })
    await deliver(pool, auditConsumer, rotated(monthFromNow(-3).first))
    t.equal((await months())[0], monthFromNow(-3).partition, 'one that was dropped can come again')
  })

  t.test('a month that is in use is dropped another time, and twice at once is harmless', async t => {
    await deliver(pool, auditConsumer, rotated(monthFromNow(-4).first))
    const reader = await pool.connect()
    await reader.query('begin')
    await reader.query('select count(*) from audit_log')
    const before = await months()
    t.equal(await dropOldAuditMonths(pool, 40 * DAY_MS), 0)
    t.same(await months(), before)
    await reader.query('commit')
    reader.release()
    const dropped = await Promise.all(Array.from({ length: 6 }, () => dropOldAuditMonths(pool, 40 * DAY_MS)))
    t.equal(dropped.reduce((sum, count) => sum + count), before.length - (await months()).length, 'each month once')
    t.notOk((await months()).includes(monthFromNow(-4).partition))
  })
})
