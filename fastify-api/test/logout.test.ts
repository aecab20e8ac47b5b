import t from 'tap'
import { mintAccessToken } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { createOtherUser, get, login, refresh, startApi } from './fixtures/api.js'

t.test('signing out', async t => {
  const api = await startApi(t)
  const { app, database: { pool } } = api
  const logout = (headers: Record<string, string>, payload?: object) =>
    app.inject({ method: 'POST', url: '/api/logout', headers, ...(payload && { payload }) })
  const isOver = async (session: { accessToken: string, refreshToken: string }) => {
    const answers = [await get(app, '/api/protected', session.accessToken), await refresh(app, session.refreshToken)]
    return answers.every(({ statusCode }) => statusCode === 401)
  }

  t.test('by cookie: 204, the cookie is cleared, its access token is dead at once', async t => {
    const session = await login(app)
    const response = await logout({ cookie: `refreshToken=${session.refreshToken}` })
    t.equal(response.statusCode, 204)
    t.equal(response.body, '')
    t.match(response.headers['set-cookie'], /^refreshToken=; Max-Age=0; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
    t.ok(await isOver(session))
  })

  t.test('by access token', async t => {
    const session = await login(app)
    t.equal((await logout({ authorization: `Bearer ${session.accessToken}` })).statusCode, 204)
    t.ok(await isOver(session))
  })

  t.test('is idempotent, and the same answer for what it does not know', async t => {
    const { refreshToken, accessToken } = await login(app)
    for (const headers of [
      { cookie: `refreshToken=${refreshToken}` }, { cookie: `refreshToken=${refreshToken}` }, { authorization: `Bearer ${accessToken}` },
      {}, { cookie: 'refreshToken=rubbish' }, { authorization: 'Bearer rubbish' },
      { authorization: `Bearer ${await mintAccessToken(api.keys)}` }
    ] as Array<Record<string, string>>) t.equal((await logout(headers)).statusCode, 204)
  })

  t.test('an old refresh token of the family ends it too', async t => {
    const session = await login(app)
    const accessToken = (await refresh(app, session.refreshToken)).json().accessToken
    t.equal((await logout({ cookie: `refreshToken=${session.refreshToken}` })).statusCode, 204)
    t.ok(await isOver({ accessToken, refreshToken: session.refreshToken }))
  })

  t.test('ends this session only, unless everywhere is asked for; never another user\'s', async t => {
    const [here, there] = [await login(app), await login(app)]
    const other = await login(app, await createOtherUser(api, 'bystander'))
    await logout({ cookie: `refreshToken=${here.refreshToken}` }, { everywhere: false })
    t.equal((await get(app, '/api/protected', there.accessToken)).statusCode, 200)
    const again = await login(app)
    await logout({ cookie: `refreshToken=${again.refreshToken}` }, { everywhere: true })
    t.ok(await isOver(there))
    t.ok(await isOver(again))
    t.equal((await get(app, '/api/protected', other.accessToken)).statusCode, 200)
  })

  t.test('fifty log-outs of everything at once neither fail nor deadlock', async t => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => login(app)))
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
      logout({ cookie: `refreshToken=${sessions[i % 10]!.refreshToken}` }, { everywhere: true })))
    t.ok(answers.every(({ statusCode }) => statusCode === 204))
    const { rows } = await pool.query('select count(*)::int as rows, count(distinct sid)::int as sids from revocations where sid = any($1)', [sessions.map(({ sessionId }) => sessionId)])
    t.same(rows[0], { rows: 10, sids: 10 })
  })

  t.test('reaches another process through the feed, also when every notification is lost', async t => {
    const other = await startApi(t, {}, { database: api.database, files: { keys: api.keys, env: api.env } })
    const heard = (sessionId: string) => new Promise<void>(resolve => {
      const stop = other.resources.revocations.onRevoked(({ sid }) => { if (sid === sessionId) { stop(); resolve() } })
    })
    const first = await login(app)
    await Promise.all([heard(first.sessionId), logout({ cookie: `refreshToken=${first.refreshToken}` })])
    t.equal((await get(other.app, '/api/protected', first.accessToken)).statusCode, 401)

    await pool.query('alter table revocations disable trigger notify_revocation')
    const second = await login(app)
    await Promise.all([heard(second.sessionId), logout({ cookie: `refreshToken=${second.refreshToken}` })])
    t.equal((await get(other.app, '/api/protected', second.accessToken)).statusCode, 401)
    await pool.query('alter table revocations enable trigger notify_revocation')

    // The feed's connection is cut; it comes back by itself and reads what it missed.
    await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'revocation-feed' and datname = current_database()")
    const third = await login(app)
    await Promise.all([heard(third.sessionId), logout({ cookie: `refreshToken=${third.refreshToken}` })])
    t.equal((await get(other.app, '/api/protected', third.accessToken)).statusCode, 401)
  })
})

t.test('a refresh token of a session that has ended signs nobody out', async t => {
  const { app, database: { pool } } = await startApi(t)
  const caught = await login(app)
  await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${caught.refreshToken}` } })
  const expired = await login(app)
  await pool.query("update sessions set expires_at = now() - interval '1 second' where id = $1", [expired.sessionId])
  const own = await login(app)
  for (const { refreshToken } of [caught, expired]) {
    const response = await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${refreshToken}` }, payload: { everywhere: true } })
    t.equal(response.statusCode, 204)
  }
  t.equal((await get(app, '/api/protected', own.accessToken)).statusCode, 200)
  t.equal((await refresh(app, own.refreshToken)).statusCode, 200)
})
