import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { changePassword, disableAccount } from '../src/auth/accounts.js'
import { signIn } from '../src/auth/sign-in.js'
import { comparingBy, createOtherUser, get, login, refresh, refreshCookieOf, signInContextOf, startApi, TEST_ORIGIN } from './fixtures/api.js'

t.test('signing in', async t => {
  const api = await startApi(t)
  const { app, database: { pool }, resources } = api

  t.test('answers with an access token of the documented claims and an HttpOnly cookie', async t => {
    const { response, accessToken } = await login(app)
    const body = response.json()
    t.match(body, { tokenType: 'Bearer', expiresIn: 900, user: { username: 'testuser' }, session: { id: String } })
    t.equal(response.headers['cache-control'], 'no-store')
    t.match(response.headers['set-cookie']![0], /^refreshToken=[\w-]{115}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/)
    const claims = decodeJwt(accessToken)
    t.same(Object.keys(claims).sort(), ['amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'rg', 'sid', 'sub'])
    t.match(claims, { sub: body.user.id, sid: body.session.id, rg: 0, amr: ['pwd'] })
    t.equal(claims.exp! - claims.iat!, 900)
    t.match(decodeProtectedHeader(accessToken), { alg: 'RS256', typ: 'at+jwt', kid: api.keys.kid })
    t.notOk(response.body.includes(refreshCookieOf(response)!), 'the refresh token is in no body')
  })

  t.test('finds the account by any spelling of its name or address', async t => {
    const { username, password } = await createOtherUser(api, 'zoe.k')
    for (const spelling of [username, ' ZOE.K ', 'zoe.k@example.test', 'Zoe.K@EXAMPLE.test', 'ｚｏｅ.k']) {
      t.equal((await login(app, { username: spelling, password })).response.json().user.username, 'zoe.k', spelling)
    }
  })

  t.test('unknown user, wrong password and disabled account get one answer', async t => {
    const { username, password } = await createOtherUser(api, 'banned')
    const { userId } = await login(app, { username, password })
    await disableAccount(pool, userId)
    const answers = await Promise.all([
      { username: 'nobody-here', password }, { username: 'testuser', password: 'wrong' }, { username, password },
      { username: 'nul\0byte', password }, { username: '   ', password }
    ].map(payload => app.inject({ method: 'POST', url: '/api/login', payload })))
    const faces = answers.map(({ statusCode, body, headers }) => {
      const { 'x-request-id': _id, date: _date, 'ratelimit-remaining': _left, 'ratelimit-reset': _reset, ...rest } = headers
      return JSON.stringify([statusCode, body.replace(/"requestId":"[^"]+"/, ''), rest])
    })
    t.equal(answers[0]!.json().code, 'invalid_credentials')
    t.equal(new Set(faces).size, 1)
  })

  t.test('a password is compared whole, past the 72 bytes that bcrypt reads', async t => {
    const { username, password } = await createOtherUser(api, 'longpass')
    const { userId } = await login(app, { username, password })
    const long = 'a'.repeat(72)
    await changePassword(pool, resources.passwords, userId, `${long}Y`)
    const wrong = await app.inject({ method: 'POST', url: '/api/login', payload: { username, password: `${long}Z` } })
    t.equal(wrong.json().code, 'invalid_credentials')
    await login(app, { username, password: `${long}Y` })
  })

  t.test('is always a fresh session; a live one behind the cookie ends as replaced', async t => {
    const first = await login(app)
    const second = await login(app, undefined, { cookie: `refreshToken=${first.refreshToken}` })
    t.not(second.sessionId, first.sessionId)
    const { rows } = await pool.query('select revoke_reason from sessions where id = $1', [first.sessionId])
    t.equal(rows[0].revoke_reason, 'replaced')
    t.equal((await refresh(app, first.refreshToken)).json().code, 'invalid_grant')
    const refused = await app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'wrong' }, headers: { cookie: `refreshToken=${second.refreshToken}` } })
    t.equal(refused.statusCode, 401)
    t.equal((await refresh(app, second.refreshToken)).statusCode, 200, 'a refused sign-in ends nothing')
  })

  t.test('a ban or a new password during the hashing leaves no session behind', async t => {
    for (const [name, interfere] of [
      ['raced-ban', async (userId: string) => { await disableAccount(pool, userId) }],
      ['raced-change', async (userId: string) => { await changePassword(pool, resources.passwords, userId, 'quite another passphrase') }]
    ] as const) {
      const { username, password } = await createOtherUser(api, name)
      const { userId } = await login(app, { username, password })
      const outcome = await signIn({
        ...signInContextOf(api),
        passwords: comparingBy(resources.passwords, async matches => {
          const result = await matches()
          await interfere(userId)
          return result
        })
      }, { identifier: username, password, origin: TEST_ORIGIN, refreshToken: undefined, deviceCookie: undefined })
      t.equal(outcome.kind, 'refused', name)
      const { rows } = await pool.query('select count(*)::int as live from sessions where user_id = $1 and revoked_at is null', [userId])
      t.equal(rows[0].live, 0)
    }
  })

  t.test('twenty at once for one account all work', async t => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => login(app)))
    t.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, 20)
  })
})

t.test('a stored hash is upgraded at the next login, by algorithm and by cost', async t => {
  const api = await startApi(t)
  const { username, password } = await createOtherUser(api, 'upgraded')
  const hashOf = async () => (await api.database.pool.query('select password_hash from users where username = $1', [username])).rows[0].password_hash as string
  t.match(await hashOf(), /^\$2b\$04\$/)
  const files = { keys: api.keys, env: api.env }
  const costlier = await startApi(t, { BCRYPT_COST: '5' }, { database: api.database, files })
  await Promise.all([login(costlier.app, { username, password }), login(costlier.app, { username, password })])
  t.match(await hashOf(), /^\$2b\$05\$/)
  const argon = await startApi(t, { PASSWORD_HASH: 'argon2id' }, { database: api.database, files })
  const { accessToken } = await login(argon.app, { username, password })
  t.match(await hashOf(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  t.equal((await get(argon.app, '/api/me', accessToken)).json().username, username)
})

t.test('the work of hashing is bounded: what would wait too long is refused at once, and loses nothing', async t => {
  const { app } = await startApi(t, { BCRYPT_COST: '11' })
  const answers = await Promise.all(Array.from({ length: 60 }, () =>
    app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'password123' } })))
  const refused = answers.filter(({ statusCode }) => statusCode === 503)
  t.ok(refused.length > 0, `${refused.length} of 60 refused`)
  t.ok(refused.every(answer => answer.json().code === 'overloaded' && Number(answer.headers['retry-after']) > 0))
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 60 - refused.length)
  await login(app)
})
