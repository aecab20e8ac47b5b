import { randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import t from 'tap'
import { encodeRefreshToken, decodeRefreshToken } from '../src/auth/refresh-token.js'
import { refreshSession } from '../src/auth/refresh.js'
import { createKeyFiles, get, login, refresh, refreshCookieOf, startApi, TEST_ORIGIN } from './fixtures/api.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'

t.test('rotation, case by case', async t => {
  const api = await startApi(t)
  const { app, database: { pool }, resources: { refreshTokenPeppers: peppers } } = api

  /** The same family at another generation, as the client would hold it. */
  const atGeneration = (refreshToken: string, generation: number) =>
    encodeRefreshToken(peppers, { ...decodeRefreshToken(peppers, refreshToken)!, generation })
  const rowOf = async (id: string) => (await pool.query('select * from sessions where id = $1', [id])).rows[0]
  /** Moves a session's last rotation out of the replay window. */
  const leaveWindow = (id: string) => pool.query("update sessions set rotated_at = rotated_at - interval '11 seconds' where id = $1", [id])
  const generationIn = (accessToken: string) => decodeJwt(accessToken)['rg']

  t.test('the first refresh rotates: a new cookie, a new access token, the same session', async t => {
    const { refreshToken, sessionId, accessToken } = await login(app)
    const response = await refresh(app, refreshToken)
    t.equal(response.statusCode, 200)
    t.equal(response.headers['cache-control'], 'no-store')
    t.strictSame(Object.keys(response.json()).sort(), ['accessToken', 'expiresIn', 'session', 'tokenType'])
    t.equal(response.json().session.id, sessionId)
    t.not(refreshCookieOf(response), refreshToken)
    t.not(response.json().accessToken, accessToken)
    t.equal(generationIn(response.json().accessToken), 1)
    t.match(await rowOf(sessionId), { generation: 1, outcome: 'rotate', replays: 0 })
  })

  t.test('inside the window the current and the previous token both return the current one', async t => {
    const { refreshToken, sessionId } = await login(app)
    const current = refreshCookieOf(await refresh(app, refreshToken))!
    for (const presented of [refreshToken, current, refreshToken]) {
      t.equal(refreshCookieOf(await refresh(app, presented)), current)
    }
    t.match(await rowOf(sessionId), { generation: 1, replays: 3 })
  })

  t.test('a burst of 64 is one rotation and one successor', async t => {
    for (let round = 0; round < 5; round++) {
      const { refreshToken, sessionId } = await login(app)
      const responses = await Promise.all(Array.from({ length: 64 }, () => refresh(app, refreshToken)))
      t.ok(responses.every(({ statusCode }) => statusCode === 200))
      t.equal(new Set(responses.map(refreshCookieOf)).size, 1)
      t.match(await rowOf(sessionId), { generation: 1 })
    }
  })

  t.test('a generation asked for more than a hundred times is limited, never revoked', async t => {
    const { refreshToken, sessionId } = await login(app)
    await refresh(app, refreshToken)
    await pool.query('update sessions set replays = 100 where id = $1', [sessionId])
    const limited = await refresh(app, refreshToken)
    t.equal(limited.statusCode, 429)
    t.ok(Number(limited.headers['retry-after']) > 0)
    await leaveWindow(sessionId)
    t.equal((await refresh(app, refreshToken)).statusCode, 200)
  })

  t.test('a lost response found out later: the old token gets a new child', async t => {
    const { refreshToken, sessionId } = await login(app)
    const lost = refreshCookieOf(await refresh(app, refreshToken))!
    await leaveWindow(sessionId)
    const late = await refresh(app, refreshToken)
    t.equal(late.statusCode, 200)
    t.not(refreshCookieOf(late), lost)
    t.match(await rowOf(sessionId), { generation: 2, outcome: 'late_rotate' })
  })

  t.test('a predecessor after its successor was used is theft: everything of the session dies', async t => {
    const { refreshToken: stolen, sessionId } = await login(app)
    const second = await refresh(app, stolen)
    t.equal((await get(app, '/api/protected', second.json().accessToken)).statusCode, 200)
    await api.resources.confirmer.flush()
    t.equal((await rowOf(sessionId)).confirmed_generation, 1)
    await leaveWindow(sessionId)
    const theft = await refresh(app, stolen)
    t.equal(theft.json().code, 'invalid_grant')
    t.notOk('set-cookie' in theft.headers, 'the cookie is left alone')
    t.match(await rowOf(sessionId), { outcome: 'theft', revoke_reason: 'refresh_reuse' })
    t.equal((await pool.query('select reason from revocations where sid = $1', [sessionId])).rows[0].reason, 'refresh_reuse')
    t.equal((await refresh(app, refreshCookieOf(second)!)).json().code, 'invalid_grant')
    t.equal((await get(app, '/api/protected', second.json().accessToken)).json().code, 'invalid_token')
    t.ok(api.logged.some(line => line.includes('session.theft') && line.includes(sessionId)))
  })

  t.test('reuse is recognised after the rows were cleaned up around it and by another process', async t => {
    const { refreshToken, sessionId } = await login(app)
    const { accessToken } = (await refresh(app, refreshToken)).json()
    await get(app, '/api/protected', accessToken)
    await api.resources.confirmer.flush()
    await leaveWindow(sessionId)
    const other = await startApi(t, {}, { database: api.database, files: { keys: api.keys, env: api.env } })
    t.equal((await refresh(other.app, refreshToken)).statusCode, 401)
    t.equal((await rowOf(sessionId)).outcome, 'theft')
  })

  t.test('a generation the database lost in a failover is adopted; one far ahead ends the session without theft', async t => {
    const { refreshToken, sessionId } = await login(app)
    t.equal((await refresh(app, atGeneration(refreshToken, 3))).statusCode, 200)
    t.match(await rowOf(sessionId), { generation: 4, outcome: 'heal' })
    await leaveWindow(sessionId)
    t.equal((await refresh(app, atGeneration(refreshToken, 8))).statusCode, 401)
    t.match(await rowOf(sessionId), { outcome: 'state_lost', revoke_reason: 'state_lost' })
  })

  t.test('the absolute and the idle end are both final', async t => {
    for (const end of ['expires_at', 'idle_expires_at']) {
      const { refreshToken, sessionId } = await login(app)
      await pool.query(`update sessions set ${end} = now() where id = $1`, [sessionId])
      t.equal((await refresh(app, refreshToken)).json().code, 'invalid_grant', end)
      t.equal((await rowOf(sessionId)).outcome, 'expired')
    }
  })

  t.test('rotation slides the idle end and never the absolute one', async t => {
    const { refreshToken, sessionId } = await login(app)
    await pool.query("update sessions set expires_at = now() + interval '1 hour', idle_expires_at = now() + interval '1 minute' where id = $1", [sessionId])
    const before = await rowOf(sessionId)
    const response = await refresh(app, refreshToken)
    const after = await rowOf(sessionId)
    t.same(after.expires_at, before.expires_at)
    t.same(after.idle_expires_at, after.expires_at, 'idle ends no later than absolute')
    const maxAge = Number(/Max-Age=(\d+)/.exec(String(response.headers['set-cookie']))![1])
    t.ok(maxAge > 3500 && maxAge <= 3600)
  })

  t.test('what this server did not make never reaches PostgreSQL, and all refusals look alike', async t => {
    const { refreshToken, sessionId } = await login(app)
    const untouched = await rowOf(sessionId)
    const bytes = Buffer.from(refreshToken, 'base64url')
    const tampered = (offset: number) => { const copy = Buffer.from(bytes); copy[offset]! ^= 1; return copy.toString('base64url') }
    const lastCharacter = refreshToken.slice(0, -1) + String.fromCharCode(refreshToken.charCodeAt(114) + 1)
    const foreign = encodeRefreshToken(peppers, { sessionId: '00000000-0000-7000-8000-000000000000', generation: 0, secret: randomBytes(32) })
    const stranger = [0, 1, 5, 20, 30, 85].map(tampered)
    const answers = await Promise.all(['', 'x', '%00', refreshToken + 'A', lastCharacter, refreshToken.toUpperCase(), foreign, ...stranger].map(token => refresh(app, token)))
    for (const answer of answers) t.equal(answer.json().code, 'invalid_grant')
    t.equal(new Set(answers.map(({ body }) => body.replace(/"requestId":"[^"]+"/, ''))).size, 1)
    t.same(await rowOf(sessionId), untouched)
  })

  t.test('an access token is no refresh token, a refresh token is no access token', async t => {
    const { accessToken, refreshToken } = await login(app)
    t.equal((await refresh(app, accessToken)).statusCode, 401)
    t.equal((await get(app, '/api/me', refreshToken)).statusCode, 401)
  })

  t.test('a refresh that waits for a lock too long is 503, and the same cookie works afterwards', async t => {
    const { refreshToken, sessionId } = await login(app)
    const blocker = await pool.connect()
    await blocker.query('begin')
    await blocker.query('select from sessions where id = $1 for update', [sessionId])
    const busy = await refresh(app, refreshToken)
    await blocker.query('rollback')
    blocker.release()
    t.match(busy.json(), { status: 503, code: 'temporarily_unavailable' })
    t.ok(Number(busy.headers['retry-after']) > 0)
    t.equal((await refresh(app, refreshToken)).statusCode, 200)
  })

  t.test('a refresh and a logout at once: afterwards the session is over, whoever came first', async t => {
    for (let round = 0; round < 20; round++) {
      const { refreshToken } = await login(app)
      const [refreshed] = await Promise.all([
        refresh(app, refreshToken),
        app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${refreshToken}` } })
      ])
      if (refreshed.statusCode === 200) {
        t.equal((await get(app, '/api/protected', refreshed.json().accessToken)).statusCode, 401)
        t.equal((await refresh(app, refreshCookieOf(refreshed)!)).statusCode, 401)
      } else {
        t.equal(refreshed.json().code, 'invalid_grant')
      }
    }
  })
})

t.test('with the window set to 0 a repeated token is a late rotation, not a replay', async t => {
  const { app } = await startApi(t, { REFRESH_REPLAY_WINDOW: '0' })
  const { refreshToken } = await login(app)
  const first = refreshCookieOf(await refresh(app, refreshToken))
  t.not(refreshCookieOf(await refresh(app, refreshToken)), first)
})

t.test('a newer pepper signs nobody out, a dropped one refuses', async t => {
  const { pool } = await createDatabase(t)
  const old = { newestVersion: 1, byVersion: new Map([[1, randomBytes(32)]]) }
  const both = { newestVersion: 2, byVersion: new Map([...old.byVersion, [2, randomBytes(32)]]) }
  const onlyNew = { newestVersion: 2, byVersion: new Map([[2, both.byVersion.get(2)!]]) }
  const token = encodeRefreshToken(old, { sessionId: '01890000-0000-7000-8000-000000000001', generation: 0, secret: randomBytes(32) })
  t.ok(decodeRefreshToken(both, token))
  t.notOk(decodeRefreshToken(onlyNew, token))
  t.equal((await refreshSession({ pool, peppers: { ...both, lookAgain: async () => false, close () {} }, replayWindowMs: 0, idleLifetimeMs: 1000 }, token, TEST_ORIGIN)).kind, 'unknown')
})

t.test('two processes share one family', async t => {
  const files = await createKeyFiles(t)
  const database = await createDatabase(t)
  const one = await startApi(t, {}, { database, files })
  const two = await startApi(t, { SEED_DEMO_USER: 'false' }, { database, files })
  for (let round = 0; round < 10; round++) {
    const { refreshToken, sessionId } = await login(one.app)
    const responses = await Promise.all(Array.from({ length: 32 }, (_, i) => refresh(i % 2 ? one.app : two.app, refreshToken)))
    t.equal(new Set(responses.map(refreshCookieOf)).size, 1)
    const { rows } = await database.pool.query('select generation from sessions where id = $1', [sessionId])
    t.equal(rows[0].generation, 1)
  }
})
