import { randomUUID } from 'node:crypto'
import type { AuthEvent, CloudEvent } from '@fastify-uws-auth/auth-contract'
import t from 'tap'
import { auditConsumer } from '../src/consumers/audit.js'
import { listAuditRows } from '../src/db/audit.js'
import type { Queryable } from '../src/db/queryable.js'
import { createOtherUser, get, login, startApi } from './fixtures/api.js'
import { createAccountHash, createEvent, deliver } from './fixtures/events.js'
import { notARefusal } from './fixtures/problems.js'

t.test('the history of an account', async t => {
  const api = await startApi(t)
  const { app, database: { pool } } = api
  let users = 0
  const newUser = async () => await login(app, await createOtherUser(api, `user-${users++}`))
  const keep = (...events: AuthEvent[]) => deliver(pool, auditConsumer, ...events)
  const read = async (accessToken: string, query = '') => {
    const response = await get(app, `/api/me/history${query}`, accessToken)
    t.equal(response.statusCode, 200, response.body)
    return response.json() as { events: Array<{ id: string, type: string }>, next: string | null }
  }
  /** Every page, one after the other; `between` is called after each. */
  const readAll = async (accessToken: string, limit: number, between?: () => Promise<void>) => {
    const ids: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const page = await read(accessToken, `?limit=${limit}${next && `&before=${next}`}`)
      t.ok(page.events.length <= limit)
      ids.push(...page.events.map(({ id }) => id))
      next = page.next
      await between?.()
    }
    return ids
  }
  /** Failed sign-ins of a user, so many seconds ago each. */
  const failures = (subject: string, ...secondsAgo: number[]) => {
    const now = Date.now()
    return secondsAgo.map(seconds => createEvent('login.failed', { reason: 'wrong_password', ip: '192.0.2.1', userAgent: null, deviceId: null, account: createAccountHash() },
      { subject, time: new Date(now - seconds * 1000).toISOString() }))
  }
  const idsOf = (events: AuthEvent[]) => events.map(({ id }) => id)

  t.test('tells what happened, without what means nothing to a user', async t => {
    const { accessToken, userId: subject, sessionId } = await newUser()
    const deviceId = randomUUID()
    const [ip, userAgent] = ['192.0.2.7', 'curl/8']
    let seconds = 100
    const members = (): Partial<CloudEvent<never>> => ({ subject, requestid: 'a-request', time: new Date(Date.now() - 1000 * seconds--).toISOString() })
    await keep(
      createEvent('user.registered', { username: 'ada' }, members()),
      createEvent('login.failed', { reason: 'wrong_password', ip, userAgent, deviceId: null, account: createAccountHash() }, members()),
      createEvent('login.succeeded', { sessionId, ip, userAgent, deviceId, newDevice: true, amr: ['pwd'] }, members()),
      createEvent('session.refreshed_elsewhere', { sessionId, outcome: 'late_rotate', ip, rotatedIp: '198.51.100.1' }, members()),
      createEvent('risk.detected', { rule: 'refreshed_elsewhere', count: 1, ip, sessionId }, members()),
      createEvent('account.locked', { deviceId, failures: 5 }, members()),
      createEvent('account.unlocked', { by: 'admin' }, members()),
      createEvent('session.theft', { sessionId, ip: '2001:db8::1' }, members()),
      createEvent('session.revoked', { sessionId, reason: 'refresh_reuse' }, members()),
      createEvent('password.changed', { by: 'user' }, members()),
      createEvent('login.failed', { reason: 'unknown_user', ip, userAgent, deviceId: null, account: createAccountHash() }, { time: new Date().toISOString() }),
      createEvent('key.rotated', { kid: 'x' }, { time: new Date().toISOString() })
    )
    const response = await get(app, '/api/me/history', accessToken)
    t.equal(response.headers['cache-control'], 'no-store')
    const { events, next } = response.json()
    t.equal(next, null)
    for (const event of events) {
      t.match(event, { id: /^[0-9a-f-]{36}$/, occurredAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ })
      delete event.id
      delete event.occurredAt
    }
    const nowhere = { ip: null, userAgent: null }
    t.strictSame(events, [
      { type: 'password.changed', sessionId: null, ...nowhere, details: { by: 'user' } },
      { type: 'session.revoked', sessionId, ...nowhere, details: { reason: 'refresh_reuse' } },
      { type: 'session.theft', sessionId, ip: '2001:db8::1', userAgent: null },
      { type: 'account.unlocked', sessionId: null, ...nowhere, details: { by: 'admin' } },
      { type: 'account.locked', sessionId: null, ...nowhere, details: { failures: 5 } },
      { type: 'session.refreshed_elsewhere', sessionId, ip, userAgent: null, details: { outcome: 'late_rotate', rotatedIp: '198.51.100.1' } },
      { type: 'login.succeeded', sessionId, ip, userAgent, details: { newDevice: true, amr: ['pwd'] } },
      { type: 'login.failed', sessionId: null, ip, userAgent, details: { reason: 'wrong_password' } },
      { type: 'user.registered', sessionId: null, ...nowhere, details: { username: 'ada' } }
    ])
  })

  t.test('is that of the access token, whatever cursor comes with it', async t => {
    const [one, two] = [await newUser(), await newUser()]
    const [ones, twos] = [failures(one.userId, 1, 2, 3), failures(two.userId, 1.5, 2.5)]
    await keep(...ones, ...twos)
    const { next } = await read(one.accessToken, '?limit=1')
    t.same((await read(two.accessToken, `?before=${next}`)).events.map(({ id }) => id), idsOf(twos))
    t.same((await read(two.accessToken)).events.map(({ id }) => id), idsOf(twos))
    t.same(await readAll((await newUser()).accessToken, 1), [])
  })

  t.test('is read in pages that neither repeat nor leave out anything, also while events arrive', async t => {
    const { accessToken, userId } = await newUser()
    const now = Date.now()
    // Half of them at one instant, and some in earlier months.
    const events = Array.from({ length: 45 }, (_, i) => createEvent('password.changed', { by: 'user' }, { subject: userId, time: new Date(now - 86_400_000 * Math.max(0, i - 22)).toISOString() }))
    await keep(...events)
    const expected = [...events].sort((a, b) => b.time.localeCompare(a.time) || b.id.localeCompare(a.id)).map(({ id }) => id)
    for (const limit of [7, 44, 45, 46, 100]) t.same(await readAll(accessToken, limit), expected, `pages of ${limit}`)
    t.same(await readAll(accessToken, 10, async () => { await keep(...failures(userId, -60)) }), expected, 'what is newer than the page before is not on the next')
    t.equal((await read(accessToken)).events.length, 50, 'the default')
  })

  t.test('refuses a query that is not of its form, and takes any cursor that is', async t => {
    const { accessToken, userId } = await newUser()
    await keep(...failures(userId, 1))
    const { next } = await read(accessToken, '?limit=1')
    t.equal(next, null)
    for (const query of ['limit=0', 'limit=101', 'limit=-1', 'limit=', 'limit=1e1', 'limit=01', 'limit=5&limit=6', 'limit[]=5', 'before=', 'before=x', `before=${'A'.repeat(29)}`, `before=${'A'.repeat(31)}`,
      `before=${'A'.repeat(29)}%20`, `before=${'A'.repeat(30)}&before=${'A'.repeat(30)}`, 'after=x', 'user=x', `userId=${randomUUID()}`]) {
      const response = await get(app, `/api/me/history?${query}`, accessToken)
      t.equal(notARefusal(response), undefined, query)
      t.equal(response.json().code, 'invalid_request', query)
    }
    t.equal((await app.inject(`/api/me/history?access_token=${accessToken}`)).statusCode, 401)
    t.same((await read(accessToken, `?before=${'A'.repeat(30)}`)).events, [], 'before everything')
    t.equal((await read(accessToken, `?before=${'_'.repeat(30)}`)).events.length, 1, 'after everything')
  })

  t.test('is found by the index, and only in the months that a page needs', async t => {
    const { userId } = await newUser()
    const thisMonth = new Date(new Date().toISOString().slice(0, 7))
    const months = [3, 2, 1, 0].map(distance => new Date(Date.UTC(thisMonth.getUTCFullYear(), thisMonth.getUTCMonth() - distance)))
    await pool.query('select make_audit_month(month) from unnest($1::timestamptz[]) as m (month)', [months])
    await pool.query(`
      insert into audit_log (event_id, occurred_at, type, user_id, data)
      select gen_random_uuid(), month + n * interval '1 minute', 'login.succeeded', case when n % 100 = 0 then $2::uuid else gen_random_uuid() end, '{}'
        from unnest($1::timestamptz[]) as m (month), generate_series(0, 4999) n`, [months, userId])
    await pool.query('analyze audit_log')

    /** The plan of the query that the endpoint runs, with what it did. */
    const explain = async (before: Date | undefined, limit: number) => {
      const plans: string[] = []
      const explaining = {
        async query ({ text, values }: { text: string, values: unknown[] }) {
          const { rows } = await pool.query(`explain (analyze, costs off, timing off, summary off) ${text}`, values)
          plans.push(rows.map(row => row['QUERY PLAN']).join('\n'))
          return { rows: [] }
        }
      } as unknown as Queryable
      await listAuditRows(explaining, userId, ['login.succeeded'], before && { occurredAt: before, id: randomUUID() }, limit)
      const plan = plans[0]!
      const partitions = [...plan.matchAll(/Scan .*?on (audit_log_\d{4}_\d\d)[^\n]*?\((.*?)\)/g)].map(([, name, did]) => ({ name, reached: did !== 'never executed' }))
      return { plan, partitions, reached: partitions.filter(({ reached }) => reached).map(({ name }) => name) }
    }
    const partitionOf = (month: Date) => `audit_log_${month.toISOString().slice(0, 7).replace('-', '_')}`

    const newest = await explain(undefined, 10)
    t.match(newest.plan, /Index (Only )?Scan/)
    t.notMatch(newest.plan, /Seq Scan|Sort/)
    t.notOk(newest.reached.some(name => [0, 1, 2].map(i => partitionOf(months[i]!)).includes(name!)), 'older months are not reached')

    const older = await explain(new Date(months[2]!.getTime() - 1), 10)
    t.notMatch(older.plan, /Seq Scan|Sort/)
    t.notOk(older.partitions.some(({ name }) => [2, 3].map(i => partitionOf(months[i]!)).includes(name!)), 'newer months are not in the plan')
    t.same(older.reached, [partitionOf(months[1]!)])
  })
})
