import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildApp } from '../src/app.js'
import { createKeyFiles, get, login, refresh, refreshCookieOf, startApi } from './fixtures/api.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'

const BURST = 64

/**
 * A second app on the resources of an API: it counts what a refresh costs, and holds the first of it until every
 * request of a burst has come as far as it can.
 */
async function startCounting (t: Test, env: NodeJS.ProcessEnv = {}, shared?: Parameters<typeof startApi>[2]) {
  const api = await startApi(t, env, shared)
  const cost = { queries: 0, signatures: 0 }
  let held: Promise<unknown> = Promise.resolve()
  let failure: Error | undefined
  const pool = new Proxy(api.resources.pool, {
    get (target, property) {
      const value: unknown = Reflect.get(target, property)
      if (property !== 'query') return typeof value === 'function' ? value.bind(target) : value
      return async (...args: Parameters<typeof target.query>) => {
        cost.queries += 1
        await held
        if (failure) throw failure
        return await target.query(...args)
      }
    }
  })
  const app = await buildApp({
    ...api.resources,
    pool,
    async signAccessToken (subject) {
      cost.signatures += 1
      return await api.resources.signAccessToken(subject)
    }
  })
  await app.ready()
  t.teardown(() => app.close())
  return {
    ...api,
    app,
    cost,
    fail (error: Error | undefined) { failure = error },
    /** All of these at once; what they have cost when the first query may go on. */
    async burst (tokens: string[]) {
      Object.assign(cost, { queries: 0, signatures: 0 })
      let go = () => {}
      held = new Promise<void>(resolve => { go = resolve })
      const answers = Promise.all(tokens.map(token => refresh(app, token)))
      for (let turn = 0; turn < 50; turn++) await nextTurn()
      go()
      return await answers
    }
  }
}

t.test('equal refreshes at the same time', async t => {
  const api = await startCounting(t)
  const { app, cost, burst, database: { pool } } = api
  const rowOf = async (id: string) => (await pool.query('select * from sessions where id = $1', [id])).rows[0]
  const outcomesOf = (sessionId: string) => api.logged.filter(line => line.includes('"msg":"refreshed"') && line.includes(sessionId)).map(line => JSON.parse(line).outcome as string)

  t.test('cost one query and one signature, and each gets the answer and the cookie', async t => {
    const { refreshToken, sessionId } = await login(app)
    const answers = await burst(Array.from({ length: BURST }, () => refreshToken))
    t.same(cost, { queries: 1, signatures: 1 })
    t.same(answers.map(({ statusCode }) => statusCode), answers.map(() => 200))
    t.equal(new Set(answers.map(({ body }) => body)).size, 1)
    t.equal(new Set(answers.map(refreshCookieOf)).size, 1)
    t.ok(answers.every(({ headers }) => /^refreshToken=[\w-]{115}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/.test(String(headers['set-cookie']))))
    t.equal(new Set(answers.map(({ headers }) => headers['x-request-id'])).size, BURST)
    t.match(await rowOf(sessionId), { generation: 1, replays: 0 })
    t.same(outcomesOf(sessionId).sort(), [...Array.from({ length: BURST - 1 }, () => 'replay'), 'rotate'], 'the log has one rotation')
    t.equal((await get(app, '/api/protected', answers[9]!.json().accessToken)).statusCode, 200)
  })

  t.test('share nothing once it is answered, and nothing with another token', async t => {
    const sessions = await Promise.all([login(app), login(app), login(app)])
    const answers = await burst(sessions.flatMap(({ refreshToken }) => [refreshToken, refreshToken]))
    t.same(cost, { queries: 3, signatures: 3 })
    t.same(answers.map(answer => answer.json().session.id), sessions.flatMap(({ sessionId }) => [sessionId, sessionId]))
    const { refreshToken } = sessions[0]
    const [again] = await burst([refreshToken])
    t.same(cost, { queries: 2, signatures: 1 }, 'it is no rotation, and then decided')
    t.equal(refreshCookieOf(again!), refreshCookieOf(answers[0]!), 'a replay, asked for anew')
    t.not(again!.json().accessToken, answers[0]!.json().accessToken)
  })

  t.test('that are made up cost no query at all', async t => {
    const { refreshToken } = await login(app)
    const answers = await burst(['', 'x', refreshToken.toUpperCase(), refreshToken.toUpperCase()])
    t.same(cost, { queries: 0, signatures: 0 })
    t.ok(answers.every(answer => answer.json().code === 'invalid_grant'))
  })

  t.test('of a stolen token are one theft, and all are refused', async t => {
    const { refreshToken, sessionId } = await login(app)
    const { accessToken } = (await refresh(app, refreshToken)).json()
    await pool.query("update sessions set confirmed_generation = 1, rotated_at = rotated_at - interval '11 seconds' where id = $1", [sessionId])
    const answers = await burst(Array.from({ length: BURST }, () => refreshToken))
    t.same(cost, { queries: 2, signatures: 0 })
    t.ok(answers.every(answer => answer.json().code === 'invalid_grant' && !('set-cookie' in answer.headers)))
    t.equal(api.logged.filter(line => line.includes('session.theft') && line.includes(sessionId)).length, 1)
    t.equal(api.logged.filter(line => line.includes('refresh.refused') && line.includes(sessionId)).length, BURST)
    t.equal((await get(app, '/api/protected', accessToken)).statusCode, 401, 'at once')
  })

  t.test('share a failure, which is not remembered', async t => {
    const { refreshToken } = await login(app)
    api.fail(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
    const failed = await burst(Array.from({ length: BURST }, () => refreshToken))
    t.same(cost, { queries: 1, signatures: 0 })
    t.ok(failed.every(answer => answer.statusCode === 503 && Number(answer.headers['retry-after']) > 0 && !('set-cookie' in answer.headers)))
    api.fail(undefined)
    const answers = await burst(Array.from({ length: BURST }, () => refreshToken))
    t.same(cost, { queries: 1, signatures: 1 })
    t.ok(answers.every(({ statusCode }) => statusCode === 200))
  })

  t.test('and a log-out leave nothing usable behind, whoever came first', async t => {
    for (let round = 0; round < 10; round++) {
      const { refreshToken, accessToken } = await login(app)
      const [answers] = await Promise.all([
        burst(Array.from({ length: 8 }, () => refreshToken)),
        app.inject({ method: 'POST', url: '/api/logout', headers: { authorization: `Bearer ${accessToken}` } })
      ])
      for (const answer of answers.filter(({ statusCode }) => statusCode === 200)) {
        t.equal((await get(app, '/api/protected', answer.json().accessToken)).statusCode, 401)
        t.equal((await refresh(app, refreshCookieOf(answer)!)).statusCode, 401)
      }
    }
  })
})

t.test('two processes decide once each, and their answers hold one refresh token', async t => {
  const shared = { database: await createDatabase(t), files: await createKeyFiles(t) }
  const [one, two] = [await startCounting(t, {}, shared), await startCounting(t, { SEED_DEMO_USER: 'false' }, shared)]
  const { refreshToken, sessionId } = await login(one.app)
  const tokens = Array.from({ length: BURST }, () => refreshToken)
  const answers = (await Promise.all([one.burst(tokens), two.burst(tokens)])).flat()
  t.same([one.cost, two.cost].sort((a, b) => a.queries - b.queries), [{ queries: 1, signatures: 1 }, { queries: 2, signatures: 1 }], 'a rotation and a replay')
  t.equal(new Set(answers.map(refreshCookieOf)).size, 1)
  t.match((await shared.database.pool.query('select generation, replays from sessions where id = $1', [sessionId])).rows[0], { generation: 1, replays: 1 })
})

t.test('with the replay window switched off every request is decided by itself', async t => {
  const { app, cost, burst } = await startCounting(t, { REFRESH_REPLAY_WINDOW: '0' })
  const { refreshToken } = await login(app)
  const answers = await burst(Array.from({ length: 8 }, () => refreshToken))
  t.same(cost, { queries: 1 + 2 * 7, signatures: 8 })
  t.equal(new Set(answers.map(refreshCookieOf)).size, 8)
})
