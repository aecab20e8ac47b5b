import { decodeJwt } from 'jose'
import t from 'tap'
import { changePassword, disableAccount, enableAccount } from '../src/auth/accounts.js'
import { reauthenticate } from '../src/auth/reauthenticate.js'
import { comparingBy, createOtherUser, get, login, refresh, startApi, TEST_ORIGIN } from './fixtures/api.js'

t.test('confirming the password of a signed-in user', async t => {
  const api = await startApi(t)
  const { app, database: { pool }, resources: { passwords, passwordPeppers, guessBudgets } } = api
  let users = 0
  const newUser = async () => {
    const credentials = await createOtherUser(api, `user-${users++}`)
    return { credentials, ...await login(app, credentials) }
  }
  const confirm = (accessToken: string, payload: object | string) => app.inject({
    method: 'POST', url: '/api/reauthenticate', payload, headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' }
  })
  const timesOf = async (sessionId: string) =>
    (await pool.query('select created_at as "createdAt", authenticated_at as "authenticatedAt" from sessions where id = $1', [sessionId])).rows[0] as { createdAt: Date, authenticatedAt: Date }
  const authTimeIn = (accessToken: string) => decodeJwt(accessToken)['auth_time']
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000)

  t.test('204: the session, and from the next refresh its access tokens, carry the new time', async t => {
    const { credentials, accessToken, refreshToken, sessionId } = await newUser()
    const bystander = await login(app, credentials)
    await pool.query("update sessions set created_at = created_at - interval '1 hour', authenticated_at = authenticated_at - interval '1 hour' where id = any($1)", [[sessionId, bystander.sessionId]])
    const [before, elsewhere] = [await timesOf(sessionId), await timesOf(bystander.sessionId)]
    t.equal(authTimeIn((await refresh(app, refreshToken)).json().accessToken), seconds(before.createdAt))

    const answer = await confirm(accessToken, { password: credentials.password })
    t.equal(answer.statusCode, 204)
    t.equal(answer.body, '')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notOk('set-cookie' in answer.headers)
    const after = await timesOf(sessionId)
    t.same(after.createdAt, before.createdAt)
    t.ok(after.authenticatedAt > before.authenticatedAt)
    const refreshed = (await refresh(app, refreshToken)).json()
    t.equal(authTimeIn(refreshed.accessToken), seconds(after.authenticatedAt))
    t.equal(refreshed.session.createdAt, before.createdAt.toISOString())
    t.same(await timesOf(bystander.sessionId), elsewhere, 'of this session only')
    t.ok(api.logged.some(line => line.includes('reauthentication.succeeded') && line.includes(sessionId)))
  })

  t.test('at sign-in both times are one', async t => {
    const { sessionId, accessToken } = await newUser()
    const { createdAt, authenticatedAt } = await timesOf(sessionId)
    t.same(authenticatedAt, createdAt)
    t.equal(authTimeIn(accessToken), seconds(createdAt))
  })

  t.test('a wrong password is refused, changes nothing and ends nothing', async t => {
    const { credentials, accessToken, sessionId } = await newUser()
    const before = await timesOf(sessionId)
    for (const password of ['wrong', `${credentials.password} `, credentials.password.toUpperCase(), 'password123']) {
      const answer = await confirm(accessToken, { password })
      t.match(answer.json(), { status: 401, code: 'invalid_credentials' })
      t.notOk('www-authenticate' in answer.headers, 'the access token is not at fault')
    }
    t.same(await timesOf(sessionId), before)
    t.equal((await get(app, '/api/protected', accessToken)).statusCode, 200)
    t.ok(api.logged.some(line => line.includes('"reason":"wrong_password"') && line.includes(sessionId)))
  })

  t.test('an unknown shape is refused', async t => {
    const { accessToken } = await newUser()
    for (const payload of ['', '{}', '[]', { password: '' }, { password: 1 }, { password: ['x'] }, { password: 'x', username: 'testuser' }, { password: 'x'.repeat(1025) }]) {
      t.match((await confirm(accessToken, payload)).json(), { status: 400, code: 'invalid_request' })
    }
  })

  t.test('without a living session it is about the access token, whatever the password', async t => {
    const { credentials, accessToken, refreshToken, sessionId } = await newUser()
    await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${refreshToken}` } })
    const before = await timesOf(sessionId)
    for (const token of [accessToken, 'rubbish', refreshToken]) t.match((await confirm(token, { password: credentials.password })).json(), { status: 401, code: 'invalid_token' })
    t.same(await timesOf(sessionId), before)
  })

  t.test('a session that ends during the hashing, by whatever means, is not confirmed', async t => {
    for (const end of ['revoked_at', 'expires_at', 'idle_expires_at']) {
      const { credentials, userId, sessionId } = await newUser()
      const { authenticatedAt } = await timesOf(sessionId)
      const outcome = await reauthenticate({
        pool,
        passwordPeppers,
        guessBudgets,
        passwords: comparingBy(passwords, async matches => {
          const result = await matches()
          await pool.query(`update sessions set ${end} = now() where id = $1`, [sessionId])
          return result
        })
      }, { userId, sessionId, password: credentials.password, origin: TEST_ORIGIN })
      t.equal(outcome.kind, 'session_ended', end)
      t.same((await timesOf(sessionId)).authenticatedAt, authenticatedAt)
    }
    // As a process answers that has not heard of the end yet.
    const { credentials, accessToken, sessionId } = await newUser()
    await pool.query('update sessions set revoked_at = now() where id = $1', [sessionId])
    const answer = await confirm(accessToken, { password: credentials.password })
    t.match(answer.json(), { status: 401, code: 'invalid_token' })
    t.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
  })

  t.test('a ban or a new password during the hashing confirms nothing', async t => {
    for (const interfere of [disableAccount, (_pool: typeof pool, id: string) => changePassword(pool, passwords, id, 'quite another passphrase')]) {
      const { credentials, userId, sessionId } = await newUser()
      const outcome = await reauthenticate({
        pool,
        passwordPeppers,
        guessBudgets,
        passwords: comparingBy(passwords, async matches => {
          const result = await matches()
          await interfere(pool, userId)
          return result
        })
      }, { userId, sessionId, password: credentials.password, origin: TEST_ORIGIN })
      t.equal(outcome.kind, 'session_ended')
    }
  })

  t.test('a disabled account gets the answer of a wrong password', async t => {
    const { credentials, accessToken, userId } = await newUser()
    await pool.query('update users set disabled_at = now() where id = $1', [userId])
    t.match((await confirm(accessToken, { password: credentials.password })).json(), { status: 401, code: 'invalid_credentials' })
    await enableAccount(pool, userId)
    t.equal((await confirm(accessToken, { password: credentials.password })).statusCode, 204)
  })
})

t.test('it has the limit of a sign-in, counted apart', async t => {
  const { app } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.1' })
  const { accessToken } = await login(app)
  const confirm = async (password: string) =>
    (await app.inject({ method: 'POST', url: '/api/reauthenticate', payload: { password }, headers: { authorization: `Bearer ${accessToken}` } })).statusCode
  for (let i = 0; i < 3; i++) t.equal(await confirm('password123'), 204)
  t.equal(await confirm('password123'), 429)
  t.equal((await login(app)).response.statusCode, 200)
})

t.test('its hashing is bounded together with that of sign-ins', async t => {
  const { app } = await startApi(t, { BCRYPT_COST: '11' })
  const { accessToken } = await login(app)
  const answers = await Promise.all(Array.from({ length: 60 }, () =>
    app.inject({ method: 'POST', url: '/api/reauthenticate', payload: { password: 'password123' }, headers: { authorization: `Bearer ${accessToken}` } })))
  const refused = answers.filter(({ statusCode }) => statusCode === 503)
  t.ok(refused.length > 0)
  t.ok(refused.every(answer => answer.json().code === 'overloaded'))
  t.equal(answers.filter(({ statusCode }) => statusCode === 204).length, 60 - refused.length)
})
