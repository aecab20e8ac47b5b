import { randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { createOtherUser, get, login, refresh, refreshCookieOf, startApi, type SignedIn } from './fixtures/api.js'

interface Listed { id: string, current: boolean, createdAt: string, lastUsedAt: string, expiresAt: string, userAgent: string | null, ip: string | null, device: string | null, online: boolean }

t.test('the sessions of a user', async t => {
  const api = await startApi(t)
  const { app, database: { pool } } = api
  /** A user of its own for each test, signed in. */
  let users = 0
  const newUser = async () => {
    const credentials = await createOtherUser(api, `user-${users++}`)
    return { ...await login(app, credentials), signInAgain: (headers?: Record<string, string>) => login(app, credentials, headers) }
  }
  const list = async ({ accessToken }: SignedIn): Promise<Listed[]> => (await get(app, '/api/sessions', accessToken)).json().sessions
  const end = ({ accessToken }: SignedIn, path = '', options: InjectOptions = {}) =>
    app.inject({ method: 'DELETE', url: `/api/sessions${path}`, ...options, headers: { authorization: `Bearer ${accessToken}`, ...options.headers } })
  const isOver = async (session: SignedIn) =>
    [await get(app, '/api/protected', session.accessToken), await refresh(app, session.refreshToken)].every(({ statusCode }) => statusCode === 401)

  t.test('are listed newest first, with what helps to recognise them and nothing else', async t => {
    const first = await newUser()
    const second = await first.signInAgain({ 'user-agent': 'curl/8' })
    const answer = await get(app, '/api/sessions', first.accessToken)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['cache-control'], 'no-store')
    const { sessions } = answer.json()
    t.match(sessions, [
      { id: second.sessionId, current: false, userAgent: 'curl/8', ip: '127.0.0.1', expiresAt: second.response.json().session.expiresAt },
      { id: first.sessionId, current: true, userAgent: 'lightMyRequest', ip: '127.0.0.1', createdAt: first.response.json().session.createdAt }
    ])
    t.strictSame(Object.keys(sessions[0]).sort(), ['createdAt', 'current', 'device', 'expiresAt', 'id', 'ip', 'lastUsedAt', 'online', 'userAgent'])
    t.same((await list(second)).map(({ current }) => current), [true, false])
  })

  t.test('were last used at a full hour, whatever the time zone of the database', async t => {
    const session = await newUser()
    await pool.query(`alter database ${(await pool.query('select current_database() as name')).rows[0].name} set timezone to 'Asia/Kolkata'`)
    const fresh = await startApi(t, {}, { database: api.database, files: { keys: api.keys, env: api.env } })
    for (const [rotatedAt, lastUsedAt] of [['2026-03-01T10:59:59.999Z', '2026-03-01T10:00:00.000Z'], ['2026-03-01T11:00:00Z', '2026-03-01T11:00:00.000Z']]) {
      await pool.query("update sessions set created_at = '2026-03-01T10:00:00Z', rotated_at = $2 where id = $1", [session.sessionId, rotatedAt])
      t.equal((await get(fresh.app, '/api/sessions', session.accessToken)).json().sessions[0].lastUsedAt, lastUsedAt)
    }
    await pool.query("update sessions set created_at = '2026-03-01T10:40:00Z', rotated_at = '2026-03-01T10:50:00Z' where id = $1", [session.sessionId])
    t.equal((await get(fresh.app, '/api/sessions', session.accessToken)).json().sessions[0].lastUsedAt, '2026-03-01T10:40:00.000Z', 'not before it began')
  })

  t.test('are online while they have an open socket on a process that lives', async t => {
    const here = await newUser()
    const [both, there, away] = [await here.signInAgain(), await here.signInAgain(), await here.signInAgain()]
    const stranger = await newUser()
    const [one, two] = [randomUUID(), randomUUID()]
    const touch = (process: string, opened: string[], closed: string[] = []) => pool.query('select touch_presence($1, $2, $3)', [process, opened, closed])
    const online = async () => (await list(here)).filter(({ online }) => online).map(({ id }) => id)
    t.same(await online(), [])
    await touch(one, [both.sessionId, here.sessionId, stranger.sessionId])
    await touch(two, [both.sessionId, there.sessionId])
    t.same(await online(), [there.sessionId, both.sessionId, here.sessionId], 'each once')
    await touch(two, [], [both.sessionId])
    t.same(await online(), [there.sessionId, both.sessionId, here.sessionId])
    await pool.query("update socket_processes set seen_at = now() - interval '31 seconds' where process_id = $1", [one])
    t.same(await online(), [there.sessionId], 'a process that is silent has no sockets')
    await touch(one, [], [here.sessionId])
    t.same(await online(), [there.sessionId, both.sessionId])
    t.equal((await list(here)).find(({ id }) => id === away.sessionId)?.online, false)
  })

  t.test('leave the list when they cannot be refreshed any more', async t => {
    const here = await newUser()
    const [out, idle, old, kept] = [await here.signInAgain(), await here.signInAgain(), await here.signInAgain(), await here.signInAgain()]
    await app.inject({ method: 'POST', url: '/api/logout', headers: { authorization: `Bearer ${out.accessToken}` } })
    await pool.query('update sessions set idle_expires_at = now() where id = $1', [idle.sessionId])
    await pool.query('update sessions set expires_at = now() where id = $1', [old.sessionId])
    t.same((await list(here)).map(({ id }) => id), [kept.sessionId, here.sessionId])
  })

  t.test('can be ended one by one: 204, and everything of that session is dead at once', async t => {
    const here = await newUser()
    const there = await here.signInAgain()
    const refreshed = await refresh(app, there.refreshToken)
    const answer = await end(here, `/${there.sessionId}`)
    t.equal(answer.statusCode, 204)
    t.equal(answer.body, '')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notOk('set-cookie' in answer.headers)
    t.ok(await isOver({ ...there, refreshToken: refreshCookieOf(refreshed)!, accessToken: refreshed.json().accessToken }))
    t.same((await pool.query('select user_id, reason from revocations where sid = $1', [there.sessionId])).rows, [{ user_id: here.userId, reason: 'logout' }])
    t.equal((await get(app, '/api/protected', here.accessToken)).statusCode, 200)
    t.ok(api.logged.some(line => line.includes('"event":"session.revoked"') && line.includes(there.sessionId) && line.includes(here.userId)))
  })

  t.test('one may end itself', async t => {
    const session = await newUser()
    t.equal((await end(session, `/${session.sessionId}`)).statusCode, 204)
    t.ok(await isOver(session))
    t.equal((await end(session, `/${session.sessionId}`)).json().code, 'invalid_token')
  })

  t.test('of another user, unknown, ended or malformed are not found, with one answer', async t => {
    const here = await newUser()
    const stranger = await newUser()
    const [ended, idle] = [await here.signInAgain(), await here.signInAgain()]
    await end(here, `/${ended.sessionId}`)
    await pool.query('update sessions set idle_expires_at = now() where id = $1', [idle.sessionId])
    const ids = [
      stranger.sessionId, ended.sessionId, idle.sessionId, '00000000-0000-7000-8000-000000000000', here.sessionId.toUpperCase(), `urn:uuid:${here.sessionId}`,
      `{${here.sessionId}}`, here.sessionId.replaceAll('-', ''), `${here.sessionId}%00`, `${here.sessionId}%20`, "'%20or%20true--", '%2e%2e', '*', here.userId, 'x'.repeat(100)
    ]
    const answers = await Promise.all(ids.map(id => end(here, `/${id}`)))
    t.equal(answers[0]!.json().code, 'not_found')
    t.equal(new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body.replace(/"requestId":"[^"]+"/, '')}`)).size, 1)
    t.equal((await get(app, '/api/protected', stranger.accessToken)).statusCode, 200)
    t.same((await pool.query('select from revocations where sid = $1', [stranger.sessionId])).rowCount, 0)
    t.notOk(await isOver(here))
  })

  t.test('end all but the current one, and nobody else\'s', async t => {
    const here = await newUser()
    const bystander = await newUser()
    const others = await Promise.all(Array.from({ length: 5 }, () => here.signInAgain()))
    const answer = await end(here)
    t.equal(answer.statusCode, 204)
    t.equal(answer.headers['cache-control'], 'no-store')
    for (const other of others) t.ok(await isOver(other))
    t.same((await list(here)).map(({ id }) => id), [here.sessionId])
    t.equal((await end(here)).statusCode, 204, 'also when there is none')
    t.equal((await refresh(app, here.refreshToken)).statusCode, 200)
    t.equal((await refresh(app, bystander.refreshToken)).statusCode, 200)
  })

  t.test('a body is JSON or nothing', async t => {
    const here = await newUser()
    for (const path of ['', '/00000000-0000-7000-8000-000000000000']) {
      t.equal((await end(here, path, { payload: { everywhere: true } })).statusCode, 400)
      t.equal((await end(here, path, { payload: 'x', headers: { 'content-type': 'text/plain' } })).statusCode, 415)
      t.equal((await end(here, path, { payload: { x: 'x'.repeat(20_000) } })).statusCode, 413)
      t.not((await end(here, path, { payload: {} })).statusCode, 400)
    }
  })

  t.test('are ended in whatever order at once without a deadlock, and another process hears of each', async t => {
    const other = await startApi(t, {}, { database: api.database, files: { keys: api.keys, env: api.env } })
    const here = await newUser()
    const sessions = await Promise.all(Array.from({ length: 20 }, () => here.signInAgain()))
    const missing = new Set(sessions.map(({ sessionId }) => sessionId))
    const heardAll = new Promise<void>(resolve => {
      other.resources.revocations.onRevoked(({ sid }) => { if (missing.delete(sid) && missing.size === 0) resolve() })
    })
    const answers = await Promise.all([...sessions.toReversed().map(({ sessionId }) => end(here, `/${sessionId}`)), end(here), end(here), here.signInAgain()])
    t.ok(answers.every(answer => !('statusCode' in answer) || [204, 404].includes(answer.statusCode)))
    await heardAll
    t.equal((await get(other.app, '/api/protected', sessions[7]!.accessToken)).statusCode, 401)
    t.equal((await pool.query('select from revocations where sid = any($1)', [sessions.map(({ sessionId }) => sessionId)])).rowCount, 20)
  })

  t.test('a refresh and the end of its session at once: afterwards it is over, whoever came first', async t => {
    const here = await newUser()
    for (let round = 0; round < 20; round++) {
      const there = await here.signInAgain()
      const [refreshed, ended] = await Promise.all([refresh(app, there.refreshToken), end(here, `/${there.sessionId}`)])
      t.equal(ended.statusCode, 204)
      if (refreshed.statusCode === 200) t.ok(await isOver({ ...there, accessToken: refreshed.json().accessToken, refreshToken: refreshCookieOf(refreshed)! }))
      else t.equal(refreshed.json().code, 'invalid_grant')
    }
  })
})

t.test('both ends of a session are set at sign-in; each is final, and only the idle one moves', async t => {
  const { app, database: { pool } } = await startApi(t, { REFRESH_TOKEN_EXPIRY: '60s', SESSION_MAX_AGE: '150s', REFRESH_REPLAY_WINDOW: '0' })
  /** Lets a session's whole past be longer ago; what is to come moves with it. */
  const age = (id: string, seconds: number) => pool.query(`
    update sessions set created_at = created_at - $2::int * interval '1 second', rotated_at = rotated_at - $2::int * interval '1 second',
           expires_at = expires_at - $2::int * interval '1 second', idle_expires_at = idle_expires_at - $2::int * interval '1 second' where id = $1`, [id, seconds])
  const lengths = async (id: string) => (await pool.query(`
    select extract(epoch from expires_at - created_at)::int as absolute, round(extract(epoch from idle_expires_at - rotated_at))::int as idle from sessions where id = $1`, [id])).rows[0]

  const session = await login(app)
  t.same(await lengths(session.sessionId), { absolute: 150, idle: 60 })
  let token = session.refreshToken
  for (let i = 0; i < 2; i++) {
    await age(session.sessionId, 50)
    const answer = await refresh(app, token)
    t.equal(answer.statusCode, 200, 'refreshed in time')
    token = refreshCookieOf(answer)!
  }
  t.match(await lengths(session.sessionId), { absolute: 150 })
  await age(session.sessionId, 50)
  t.equal((await refresh(app, token)).json().code, 'invalid_grant', 'refreshed every 50 s, and over after 150 s')

  const idle = await login(app)
  await age(idle.sessionId, 60)
  t.equal((await refresh(app, idle.refreshToken)).json().code, 'invalid_grant', 'not refreshed for 60 s')
  t.same((await get(app, '/api/sessions', (await login(app)).accessToken)).json().sessions.length, 1)
})
