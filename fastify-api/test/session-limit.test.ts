import { pino } from 'pino'
import t from 'tap'
import { loadSocketConfig } from '../../uws-server/src/config.js'
import { openResources as openSocketResources } from '../../uws-server/src/resources.js'
import { createSocketServer } from '../../uws-server/src/socket-server.js'
import { connect } from '../../uws-server/test/fixtures/socket-client.js'
import { signIn } from '../src/auth/sign-in.js'
import { comparingBy, createOtherUser, get, login, refresh, signInContextOf, startApi, TEST_ORIGIN } from './fixtures/api.js'
import { freePort } from './fixtures/programs.js'

const MAXIMUM = 100

t.test('a user has at most a hundred living sessions', async t => {
  const api = await startApi(t)
  const { app, database: { pool } } = api
  const other = await startApi(t, {}, { database: api.database, files: { keys: api.keys, env: api.env } })
  let users = 0
  const newUser = async () => {
    const credentials = await createOtherUser(api, `user-${users++}`)
    const { id } = (await pool.query('select id from users where username = $1', [credentials.username])).rows[0]
    return { id: id as string, credentials, signIn: (headers?: Record<string, string>) => login(app, credentials, headers) }
  }
  /** Sessions straight into the table, the first made `age` minutes ago, each next one a minute later. */
  const addSessions = async (userId: string, count: number, ageMinutes: number, columns: Record<string, string> = {}): Promise<string[]> => {
    const names = Object.keys(columns).map(name => `, ${name}`).join('')
    const values = Object.values(columns).map(value => `, ${value}`).join('')
    const { rows } = await pool.query<{ id: string }>(`
      insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at, created_at${names})
      select $1, decode(repeat('00', 32), 'hex'), '{pwd}', now() + interval '1 day', now() + interval '1 day', now() - ($2::int - i) * interval '1 minute'${values}
        from generate_series(0, $3::int - 1) i returning id`, [userId, ageMinutes, count])
    return rows.map(({ id }) => id)
  }
  const living = async (userId: string) =>
    (await pool.query('select id from sessions where user_id = $1 and revoked_at is null and least(expires_at, idle_expires_at) > now()', [userId])).rows.map(({ id }) => id as string)
  const replaced = async (userId: string) =>
    (await pool.query("select sid from revocations where user_id = $1 and reason = 'replaced'", [userId])).rows.map(({ sid }) => sid as string).sort()

  t.test('the 101st sign-in ends the one that was made first, also when it was used last', async t => {
    const user = await newUser()
    const first = await user.signIn()
    await pool.query("update sessions set created_at = now() - interval '1 day' where id = $1", [first.sessionId])
    const rest = await addSessions(user.id, MAXIMUM - 1, 600)
    const heard = new Promise<string>(resolve => { other.resources.revocations.onRevoked(({ sid, reason }) => { if (sid === first.sessionId) resolve(reason) }) })
    t.equal((await refresh(app, first.refreshToken)).statusCode, 200)
    const { sessionId } = await user.signIn()
    t.same((await living(user.id)).sort(), [...rest, sessionId].sort())
    t.same(await replaced(user.id), [first.sessionId])
    t.equal((await get(app, '/api/protected', first.accessToken)).statusCode, 401, 'at once in this process')
    t.equal((await refresh(app, first.refreshToken)).json().code, 'invalid_grant')
    t.equal(await heard, 'replaced', 'and in the others')
    t.equal((await get(other.app, '/api/protected', first.accessToken)).statusCode, 401)
    t.ok(api.logged.some(line => line.includes('"event":"session.revoked"') && line.includes('"reason":"replaced"') && line.includes(first.sessionId)))
  })

  t.test('what cannot be refreshed any more does not count', async t => {
    const user = await newUser()
    const kept = await addSessions(user.id, MAXIMUM - 1, 600)
    await addSessions(user.id, 50, 60, { revoked_at: 'now()' })
    await pool.query('update sessions set idle_expires_at = now() where id = any($1)', [await addSessions(user.id, 50, 60)])
    await pool.query('update sessions set expires_at = now() where id = any($1)', [await addSessions(user.id, 50, 60)])
    const { sessionId } = await user.signIn()
    t.same((await living(user.id)).sort(), [...kept, sessionId].sort())
    t.same(await replaced(user.id), [])
  })

  t.test('a sign-in over a live cookie makes its own room', async t => {
    const user = await newUser()
    const first = await user.signIn()
    const rest = await addSessions(user.id, MAXIMUM - 1, 600)
    const second = await user.signIn({ cookie: `refreshToken=${first.refreshToken}` })
    t.same((await living(user.id)).sort(), [...rest, second.sessionId].sort())
    t.same(await replaced(user.id), [first.sessionId])
  })

  t.test('more than one too many, as left by an earlier version, are brought down to a hundred', async t => {
    const user = await newUser()
    const ids = await addSessions(user.id, 250, 600)
    const { sessionId } = await user.signIn()
    t.same((await living(user.id)).sort(), [...ids.slice(151), sessionId].sort())
  })

  t.test('a burst of sign-ins over two processes leaves exactly a hundred', async t => {
    const user = await newUser()
    const bystander = await (await newUser()).signIn()
    await addSessions(user.id, 60, 600)
    // Without the hashing, which would spread them out.
    const outcomes = await Promise.all(Array.from({ length: 90 }, (_, i) => {
      const context = signInContextOf(i % 2 ? api : other)
      return signIn({ ...context, passwords: comparingBy(context.passwords, async () => true) },
        { identifier: user.credentials.username, password: 'x', origin: TEST_ORIGIN, refreshToken: undefined, deviceCookie: undefined })
    }))
    const left = await living(user.id)
    t.equal(left.length, MAXIMUM)
    t.ok(outcomes.every(outcome => outcome.kind === 'signed_in' && left.includes(outcome.session.id)), 'the newest')
    t.equal((await replaced(user.id)).length, 50)
    t.equal((await refresh(app, bystander.refreshToken)).statusCode, 200, 'nobody else\'s')
  })

  t.test('sign-ins, refreshes and log-outs of everything at once neither fail nor deadlock', async t => {
    const user = await newUser()
    await addSessions(user.id, MAXIMUM, 600)
    const held = await Promise.all(Array.from({ length: 8 }, () => user.signIn()))
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        ...held.map(({ refreshToken }) => user.signIn({ cookie: `refreshToken=${refreshToken}` })),
        ...held.map(({ refreshToken }) => refresh(app, refreshToken).then(({ statusCode }) => t.ok([200, 401].includes(statusCode)))),
        ...held.slice(0, 3).map(({ accessToken }) => app.inject({ method: 'DELETE', url: '/api/sessions', headers: { authorization: `Bearer ${accessToken}` } })
          .then(({ statusCode }) => t.ok([204, 401].includes(statusCode)))),
        app.inject({ method: 'POST', url: '/api/logout', payload: { everywhere: true }, headers: { cookie: `refreshToken=${held[0]!.refreshToken}` } })
          .then(({ statusCode }) => t.equal(statusCode, 204))
      ])
      t.ok((await living(user.id)).length <= MAXIMUM)
      await addSessions(user.id, MAXIMUM - (await living(user.id)).length, 600)
    }
  })

  t.test('the socket of the one that has to go closes', async t => {
    const config = loadSocketConfig({ DATABASE_URL: api.database.connectionString, PUBLIC_KEY_PATH: api.env['PUBLIC_KEY_PATH'], PORT: String(await freePort()) })
    const resources = await openSocketResources(config, pino({ enabled: false }))
    const server = createSocketServer(resources)
    await server.listen()
    t.teardown(() => server.close().then(() => resources.close()))

    const user = await newUser()
    const first = await user.signIn()
    const socket = await connect(`ws://127.0.0.1:${config.PORT}/ws?token=${first.accessToken}`)
    await pool.query("update sessions set created_at = now() - interval '1 day' where id = $1", [first.sessionId])
    await addSessions(user.id, MAXIMUM - 1, 600)
    await user.signIn()
    t.match(await socket.frame('session_revoked'), { payload: { reason: 'replaced' } })
    t.equal((await socket.closed).code, 4410)
  })
})
