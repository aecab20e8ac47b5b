import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AuthEvent, CloudEvent } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import t from 'tap'
import { PrometheusMeter } from '../../packages/auth-contract/src/prometheus-meter.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { cleanUpOnce, KEEP_SIGNALS_MS } from '../src/clean-up.js'
import { RISK_RULES } from '../src/consumers/risk-rules.js'
import { createSignalsConsumer } from '../src/consumers/signals.js'
import type { Queryable } from '../src/db/queryable.js'
import { findCrowdedWindows } from '../src/db/signals.js'
import { createAccountHash, createEvent, deliver } from './fixtures/events.js'

const ruleNamed = (name: string) => RISK_RULES.find(rule => rule.name === name)!
const ACCOUNTS = ruleNamed('many_accounts_from_one_source')
const SOURCES = ruleNamed('many_sources_on_one_account')
const MINUTE_MS = 60_000
const silent = pino({ enabled: false })

t.test('signals', async t => {
  const { pool } = await createDatabase(t)
  const meter = new PrometheusMeter({ watchesProcess: false })
  const signals = createSignalsConsumer(meter)
  const handOver = (...events: AuthEvent[]) => deliver(pool, signals, ...events)
  const risks = async () => (await pool.query('select * from outbox order by position')).rows
  const rulesOfRisks = async () => (await risks()).map(({ data }) => data.rule as string)
  const counted = async (rule: string) => Number(new RegExp(`risks_total\\{rule="${rule}"\\} (\\d+)`).exec((await meter.render()).text)?.[1])
  // The beginning of an hour, so that minutes can be counted on.
  const start = Math.floor(Date.now() / 3_600_000) * 3_600_000
  const at = (minute: number) => new Date(start + minute * MINUTE_MS).toISOString()
  const failure = (ip: string | null, account: string, members: Partial<Pick<CloudEvent<'login.failed'>, 'id' | 'time' | 'subject' | 'requestid'>> = {}) =>
    createEvent('login.failed', { reason: 'wrong_password', ip, userAgent: null, deviceId: null, account }, { time: at(0), ...members })
  /** Failed sign-ins to so many accounts from one address. */
  const crowd = (ip: string, size: number, minute = 0) => Array.from({ length: size }, () => failure(ip, createAccountHash(), { time: at(minute) }))
  t.beforeEach(() => pool.query('truncate outbox, risk_observations, risks'))

  t.test('many accounts from one source: at the threshold, once, for nobody in particular', async t => {
    const before = await counted(ACCOUNTS.name)
    const events = crowd('192.0.2.1', ACCOUNTS.threshold + 5).map(event => ({ ...event, subject: randomUUID(), requestid: 'a-request' }))
    for (const event of events.slice(0, ACCOUNTS.threshold - 1)) await handOver(event)
    await handOver(failure('192.0.2.1', 'x'.repeat(22)), failure('192.0.2.1', 'x'.repeat(22)))
    t.same((await risks()).length, 1, 'two failures at one account count once')
    for (const event of events) await handOver(event)
    const [{ id, type, user_id: userId, session_id: sessionId, data, occurred_at: occurredAt }, ...others] = await risks()
    t.same(others, [])
    t.same({ type, userId, sessionId, data, occurredAt: occurredAt.toISOString() },
      { type: 'risk.detected', userId: null, sessionId: null, data: { rule: ACCOUNTS.name, count: ACCOUNTS.threshold, ip: '192.0.2.1', sessionId: null }, occurredAt: at(0) })
    t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    t.doesNotThrow(() => createEvent('risk.detected', data), 'fits the schema of the event')
    t.equal(await counted(ACCOUNTS.name), before + 1)
  })

  t.test('a source is an IPv4 address, in whichever form, or a /64', async t => {
    const half = Math.ceil(ACCOUNTS.threshold / 2)
    await handOver(...crowd('198.51.100.1', half), ...crowd('198.51.100.2', half), ...crowd('2001:db8:0:1::1', half), ...crowd('2001:db8:0:2::1', half))
    await handOver(...Array.from({ length: 20 }, () => failure(null, createAccountHash())), ...Array.from({ length: 20 }, () => failure('no address', createAccountHash())))
    t.same(await risks(), [])
    await handOver(...crowd('::ffff:198.51.100.1', half))
    await handOver(...crowd('2001:DB8:0:1:ffff::2', half))
    t.same((await risks()).map(({ data }) => data.ip), ['::ffff:198.51.100.1', '2001:DB8:0:1:ffff::2'])
  })

  t.test('many sources on one account: also when there is no such user', async t => {
    const [known, unknown, subject] = [createAccountHash(), createAccountHash(), randomUUID()]
    for (let i = 1; i < SOURCES.threshold; i++) {
      await handOver(failure(`203.0.113.${i}`, known, { subject, time: at(i * 10) }), failure('203.0.113.1', known, { subject, time: at(i * 10) }))
    }
    t.same(await risks(), [], 'one source that tries again counts once')
    await handOver(failure('203.0.113.99', known, { subject, time: at(SOURCES.threshold * 10) }))
    t.same((await risks()).map(({ user_id: user, data }) => ({ user, data })), [{ user: subject, data: { rule: SOURCES.name, count: SOURCES.threshold, ip: '203.0.113.99', sessionId: null } }])
    await handOver(...Array.from({ length: SOURCES.threshold }, (_, i) => failure(`203.0.113.${i}`, unknown)))
    t.same((await risks()).map(({ user_id: user }) => user), [subject, null])
  })

  t.test('a refresh from elsewhere and a theft are risks by themselves, of their session', async t => {
    const [sessionId, subject] = [randomUUID(), randomUUID()]
    const elsewhere = createEvent('session.refreshed_elsewhere', { sessionId, outcome: 'replay', ip: '192.0.2.1', rotatedIp: '198.51.100.1' }, { subject, time: at(0) })
    await handOver(elsewhere)
    await handOver({ ...elsewhere, id: randomUUID(), time: at(1) } as AuthEvent, createEvent('session.theft', { sessionId, ip: null }, { subject, time: at(2) }))
    await handOver(createEvent('session.revoked', { sessionId, reason: 'logout' }), createEvent('login.succeeded', { sessionId, ip: '192.0.2.1', userAgent: null, deviceId: null, newDevice: false, amr: ['pwd'] }))
    t.same((await risks()).map(({ user_id: user, session_id: session, data }) => ({ user, session, data })), [
      { user: subject, session: sessionId, data: { rule: 'refreshed_elsewhere', count: 1, ip: '192.0.2.1', sessionId } },
      { user: subject, session: sessionId, data: { rule: 'refresh_token_theft', count: 1, ip: null, sessionId } }
    ])
  })

  t.test('only what lies within one window counts together, in whichever order it comes', async t => {
    const { threshold, windowMinutes } = ACCOUNTS
    const spread = (ip: string, minutes: number[]) => minutes.flatMap((minute, i) => crowd(ip, i === 0 ? threshold - minutes.length + 1 : 1, minute))
    await handOver(...spread('192.0.2.1', [0, windowMinutes]))
    t.same(await risks(), [], 'one minute too far apart')
    await handOver(...spread('192.0.2.2', [0, windowMinutes - 1]))
    await handOver(...spread('192.0.2.3', [0, 3, windowMinutes - 1]).reverse())
    for (const event of spread('192.0.2.4', [0, 3, windowMinutes - 1]).reverse()) await handOver(event)
    t.same((await risks()).map(({ data }) => data.ip), ['192.0.2.2', '192.0.2.3', '192.0.2.4'])

    await pool.query('truncate outbox')
    await handOver(...crowd('192.0.2.5', threshold - 1, windowMinutes + 3))
    await handOver(...crowd('192.0.2.5', 1, 3))
    t.same(await risks(), [])
    await handOver(...crowd('192.0.2.5', 1, 4))
    t.same((await risks()).map(({ occurred_at: time, data }) => [time.toISOString(), data.count]), [[at(4), threshold]], 'of when what completed it happened')
  })

  t.test('an attack that goes on is a risk again after the cool-down, alone and in one batch', async t => {
    const { threshold, coolDownMinutes } = ACCOUNTS
    const attack = (ip: string) => Array.from({ length: coolDownMinutes + 1 }, (_, minute) => crowd(ip, threshold, minute))
    for (const events of attack('192.0.2.1')) await handOver(...events)
    await handOver(...attack('192.0.2.2').flat())
    const raised = await risks()
    for (const ip of ['192.0.2.1', '192.0.2.2']) {
      t.same(raised.filter(({ data }) => data.ip === ip).map(({ occurred_at: time }) => time.toISOString()), [at(0), at(coolDownMinutes)], ip)
    }
    t.equal(new Set(raised.map(({ id }) => id)).size, 4)
  })

  t.test('events that come again change nothing, and should all be forgotten, the risk is the same one', async t => {
    const events = crowd('192.0.2.1', ACCOUNTS.threshold)
    await handOver(...events)
    const observations = async () => (await pool.query('select * from risk_observations order by rule, group_key, minute, counted_key')).rows
    const [before, [first]] = [await observations(), await risks()]
    await handOver(...events)
    for (const event of events) await handOver(event)
    t.same(await observations(), before)
    t.same(await risks(), [first])
    await pool.query('truncate outbox, risk_observations, risks')
    await handOver(...events)
    const [again] = await risks()
    t.same([again.id, again.occurred_at], [first.id, first.occurred_at])
  })

  t.test('a batch that fails leaves nothing and counts nothing', async t => {
    const before = await counted(ACCOUNTS.name)
    await pool.query("alter table outbox add constraint full_up check (type <> 'risk.detected') not valid")
    t.teardown(() => pool.query('alter table outbox drop constraint if exists full_up'))
    const events = crowd('192.0.2.1', ACCOUNTS.threshold)
    await t.rejects(handOver(...events), { code: '23514' })
    t.equal((await pool.query('select from risk_observations')).rowCount, 0)
    t.equal(await counted(ACCOUNTS.name), before)
    await pool.query('alter table outbox drop constraint full_up')
    await handOver(...events)
    t.same(await rulesOfRisks(), [ACCOUNTS.name])
  })

  t.test('two workers that see half of it each raise it, once', async t => {
    const events = crowd('192.0.2.1', ACCOUNTS.threshold)
    const [one, two] = [await pool.connect(), await pool.connect()]
    const half = Math.ceil(ACCOUNTS.threshold / 2)
    for (const client of [one, two]) await client.query('begin')
    await signals.handle(one, events.slice(0, half))
    const second = signals.handle(two, events.slice(half))
    await until(async () => (await pool.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).rowCount === 1)
    await one.query('commit')
    await second
    await two.query('commit')
    one.release()
    two.release()
    t.same(await rulesOfRisks(), [ACCOUNTS.name])
  })

  t.test('many workers at once, batches that overlap, groups in any order: each risk once, and nobody deadlocks', async t => {
    const addresses = Array.from({ length: 6 }, (_, i) => `198.51.100.${i}`)
    const events = addresses.flatMap(ip => crowd(ip, ACCOUNTS.threshold * 2))
    const shuffled = () => [...events].sort(() => Math.random() - 0.5)
    await Promise.all(Array.from({ length: 12 }, async () => {
      const mine = shuffled()
      for (let i = 0; i < mine.length; i += 40) await handOver(...mine.slice(i, i + 40))
    }))
    t.same((await risks()).map(({ data }) => `${data.rule} ${data.ip}`).sort(), addresses.map(ip => `${ACCOUNTS.name} ${ip}`))
  })

  t.test('a flood makes the table no larger than what is distinct in it, and the clean-up empties it', async t => {
    for (let i = 0; i < 20; i++) await handOver(...Array.from({ length: 50 }, () => failure('192.0.2.1', 'x'.repeat(22))))
    t.equal((await pool.query('select from risk_observations')).rowCount, 2, 'one for each rule')
    await handOver(...crowd('192.0.2.1', ACCOUNTS.threshold))
    const noted = (await pool.query('select from risk_observations')).rowCount!
    t.match(await cleanUpOnce(pool, silent, 400 * 86_400_000), { signals: 0 })
    await pool.query("update risk_observations set recorded_at = now() - $1::float8 * interval '1 millisecond'", [KEEP_SIGNALS_MS])
    await pool.query("update risks set recorded_at = now() - $1::float8 * interval '1 millisecond'", [KEEP_SIGNALS_MS])
    t.match(await cleanUpOnce(pool, silent, 400 * 86_400_000), { signals: noted + 1 })
    t.same((await pool.query('select from risk_observations union all select from risks')).rowCount, 0)
  })

  t.test('counting looks at the group alone', async t => {
    const minute = start / MINUTE_MS
    await pool.query(`insert into risk_observations (rule, group_key, minute, counted_key)
      select $1, 'group-' || n % 500, $2 + n % 30, 'counted-' || n from generate_series(1, 20000) n`, [ACCOUNTS.name, minute])
    await pool.query('analyze risk_observations')
    const plans: string[] = []
    const explaining = {
      async query ({ text, values }: { text: string, values: unknown[] }) {
        const { rows } = await pool.query(`explain ${text}`, values)
        plans.push(rows.map(row => row['QUERY PLAN']).join('\n'))
        return { rows: [] }
      }
    } as unknown as Queryable
    await findCrowdedWindows(explaining, [{ rule: ACCOUNTS.name, group: 'group-7', counted: 'counted-7', minute, threshold: ACCOUNTS.threshold, windowMinutes: 10, coolDownMinutes: 60 }])
    t.equal(plans[0]!.match(/Index (Only )?Scan using risk_observations_pkey/g)?.length, 2)
    t.notMatch(plans[0], /Seq Scan on risk_observations/)
  })
})

t.test('the rules', async t => {
  t.test('are such that one crowd is one risk, and nothing is forgotten too soon', async t => {
    t.equal(new Set(RISK_RULES.map(({ name }) => name)).size, RISK_RULES.length)
    for (const { name, threshold, windowMinutes, coolDownMinutes } of RISK_RULES) {
      t.ok(threshold >= 1 && windowMinutes >= 1 && coolDownMinutes >= windowMinutes, name)
      t.ok(KEEP_SIGNALS_MS > Math.max(2 * windowMinutes, coolDownMinutes) * MINUTE_MS, name)
    }
  })

  t.test('are on their page with their figures', async t => {
    const page = await readFile(new URL('../../docs/risk-rules.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name, cells]) => [name, ...cells!.split(' | ')])
    t.same(rows, RISK_RULES.map(({ name, types, groupBy, counts, threshold, windowMinutes, coolDownMinutes }) =>
      [name, types.map(type => `\`${type}\``).join(', '), groupBy, counts, String(threshold), `${windowMinutes} min`, `${coolDownMinutes} min`]))
    for (const { name } of RISK_RULES) t.match(page, new RegExp(`^## ${name}$`, 'm'))
  })
})
