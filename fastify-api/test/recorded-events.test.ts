import { readFile, writeFile } from 'node:fs/promises'
import type pg from 'pg'
import { confirmGenerations } from '@fastify-uws-auth/auth-contract'
import t from 'tap'
import { createTestKeys } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { changePassword, disableAccount } from '../src/auth/accounts.js'
import { createKeyFiles, createOtherUser, login, refresh, refreshCookieOf, startApi } from './fixtures/api.js'

interface Recorded { type: string, userId: string | null, sessionId: string | null, requestId: string | null, data: Record<string, unknown> }

/** What was recorded since the last call, in its order. */
async function takeEvents (pool: pg.Pool): Promise<Recorded[]> {
  const { rows } = await pool.query<Recorded & { position: number }>(
    'delete from outbox returning position::float8, type, user_id as "userId", session_id as "sessionId", request_id as "requestId", data')
  return rows.sort((a, b) => a.position - b.position).map(({ position, ...event }) => event)
}

t.test('each action records what has happened, under the id of its request', async t => {
  const api = await startApi(t)
  const { app, resources, database: { pool } } = api
  t.match(await takeEvents(pool), [{ type: 'user.registered', data: { username: 'testuser' } }], 'the demo account')
  const credentials = await createOtherUser(api, 'ada')
  const [registered] = await takeEvents(pool)
  t.match(registered, { type: 'user.registered', data: { username: 'ada' } })
  const requestIdOf = ({ headers }: { headers: Record<string, unknown> }) => headers['x-request-id'] as string

  t.test('a sign-in, and the session that it replaces', async t => {
    const first = await login(app, credentials, { 'user-agent': 'Lovelace/1.0' })
    t.same(await takeEvents(pool), [{
      type: 'login.succeeded',
      userId: registered!.userId,
      sessionId: first.sessionId,
      requestId: requestIdOf(first.response),
      data: { ip: '127.0.0.1', userAgent: 'Lovelace/1.0', deviceId: (await pool.query('select id from devices')).rows[0].id, newDevice: true, amr: ['pwd'] }
    }])
    const second = await login(app, credentials, { cookie: `refreshToken=${first.refreshToken}` })
    const events = await takeEvents(pool)
    t.match(events.find(({ type }) => type === 'session.revoked'), { sessionId: first.sessionId, userId: first.userId, requestId: requestIdOf(second.response), data: { reason: 'replaced' } })
    t.match(events.find(({ type }) => type === 'login.succeeded'), { sessionId: second.sessionId })
    t.equal(events.length, 2)
  })

  t.test('a refused sign-in, without what was typed', async t => {
    const attempt = async (username: string, password: string) => {
      const response = await app.inject({ method: 'POST', url: '/api/login', payload: { username, password } })
      t.equal(response.statusCode, 401)
      const events = await takeEvents(pool)
      t.match(events, [{ type: 'login.failed', requestId: requestIdOf(response), sessionId: null }])
      t.notOk(JSON.stringify(events).includes(username), 'people type passwords into the other field')
      return events[0]!
    }
    const wrong = await attempt('ada', 'not-her-passphrase')
    t.match(wrong, { userId: registered!.userId, data: { reason: 'wrong_password', account: /^[\w-]{22}$/ } })
    const unknown = await attempt('nobody-here', 'not-her-passphrase')
    t.match(unknown, { userId: null, data: { reason: 'unknown_user', account: /^[\w-]{22}$/ } })
    t.equal((await attempt(' NOBODY-here ', 'x')).data['account'], unknown.data['account'], 'one name for all spellings')
    t.not(wrong.data['account'], unknown.data['account'])
  })

  t.test('a log-out, once', async t => {
    const { accessToken, sessionId } = await login(app, credentials)
    await takeEvents(pool)
    const logout = () => app.inject({ method: 'POST', url: '/api/logout', headers: { authorization: `Bearer ${accessToken}` } })
    const response = await logout()
    await logout()
    t.match(await takeEvents(pool), [{ type: 'session.revoked', sessionId, requestId: requestIdOf(response), data: { reason: 'logout' } }])
  })

  t.test('refreshes are not told; theft is, before the end of its session', async t => {
    const { refreshToken, sessionId } = await login(app, credentials)
    await takeEvents(pool)
    const second = refreshCookieOf(await refresh(app, refreshToken))!
    await pool.query("update sessions set rotated_at = rotated_at - interval '1 minute' where id = $1", [sessionId])
    await refresh(app, second)
    t.same(await takeEvents(pool), [])
    await confirmGenerations(pool, [sessionId], [2])
    await pool.query("update sessions set rotated_at = rotated_at - interval '1 minute' where id = $1", [sessionId])
    const caught = await refresh(app, refreshToken, { remoteAddress: '192.0.2.66' })
    t.equal(caught.statusCode, 401)
    const told = await takeEvents(pool)
    t.match(told, [
      { type: 'session.theft', sessionId, requestId: requestIdOf(caught) },
      { type: 'session.revoked', sessionId, data: { reason: 'refresh_reuse' } }
    ])
    t.strictSame(told[0]!.data, { ip: '192.0.2.66' }, 'without a netmask')
    await refresh(app, refreshToken)
    t.same(await takeEvents(pool), [], 'what has ended already is not told again')
  })

  t.test('a replay or late rotation is told when it comes from another network', async t => {
    const { refreshToken, sessionId } = await login(app, credentials)
    await takeEvents(pool)
    const from = (remoteAddress: string) => refresh(app, refreshToken, { remoteAddress })
    await from('192.0.2.1')
    await from('192.0.2.200')
    t.same(await takeEvents(pool), [], 'another address of one network')
    t.equal((await from('198.51.100.7')).statusCode, 200)
    const [told] = await takeEvents(pool)
    t.match(told, { type: 'session.refreshed_elsewhere', sessionId })
    t.strictSame(told!.data, { outcome: 'replay', ip: '198.51.100.7', rotatedIp: '192.0.2.1' })
    await from('203.0.113.9')
    t.same(await takeEvents(pool), [], 'not twice in ten minutes')
    await pool.query("update sessions set rotated_at = rotated_at - interval '1 minute', move_told_at = move_told_at - interval '11 minutes' where id = $1", [sessionId])
    await from('2001:db8::1')
    t.match(await takeEvents(pool), [{ type: 'session.refreshed_elsewhere', sessionId, data: { outcome: 'late_rotate', ip: '2001:db8::1', rotatedIp: '192.0.2.1' } }])
    await from('2001:db8:0:77::2')
    t.same(await takeEvents(pool), [], 'one /48 of IPv6')
  })

  t.test('equal tokens from two networks at once are told, too', async t => {
    const { refreshToken } = await login(app, credentials)
    await takeEvents(pool)
    await Promise.all(['192.0.2.1', '198.51.100.7', '192.0.2.1', '198.51.100.7'].map(remoteAddress => refresh(app, refreshToken, { remoteAddress })))
    t.ok((await takeEvents(pool)).some(({ type }) => type === 'session.refreshed_elsewhere'))
  })

  t.test('what administrators do', async t => {
    const { userId, sessionId } = await login(app, credentials)
    await takeEvents(pool)
    await changePassword(pool, resources.passwords, userId, 'another long passphrase')
    const events = await takeEvents(pool)
    t.match(events[0], { type: 'password.changed', userId, requestId: null, data: { by: 'admin' } })
    t.ok(events.slice(1).every(({ type, data }) => type === 'session.revoked' && data['reason'] === 'password_changed'))
    t.ok(events.some(event => event.sessionId === sessionId))
    const again = await login(app, { ...credentials, password: 'another long passphrase' })
    await takeEvents(pool)
    await disableAccount(pool, userId)
    t.match(await takeEvents(pool), [{ type: 'session.revoked', sessionId: again.sessionId, data: { reason: 'user_disabled' } }])
    t.equal((await app.inject({ method: 'POST', url: '/api/login', payload: { ...credentials, password: 'another long passphrase' } })).statusCode, 401)
    t.match(await takeEvents(pool), [{ type: 'login.failed', userId, data: { reason: 'disabled' } }])
  })
})

t.test('an action that fails records nothing', async t => {
  const { app, database: { pool } } = await startApi(t)
  await pool.query("create function refuse () returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '57014'; end $$")
  await pool.query('create constraint trigger refuse after insert on sessions deferrable initially deferred for each row execute function refuse()')
  await pool.query('delete from outbox')
  t.equal((await app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'password123' } })).statusCode, 503)
  t.same(await takeEvents(pool), [])
})

t.test('a new signing key is told once, by whichever process signs with it first', async t => {
  const files = await createKeyFiles(t)
  const database = await createDatabase(t)
  const one = await startApi(t, {}, { database, files })
  const two = await startApi(t, { SEED_DEMO_USER: 'false' }, { database, files })
  const { pool } = database
  const noted = async () => (await pool.query('select kid from signing_keys')).rowCount
  await Promise.all([login(one.app), login(two.app)])
  await until(async () => await noted() === 1)
  const keyEvents = async () => (await takeEvents(pool)).filter(({ type }) => type === 'key.rotated')
  t.same(await keyEvents(), [], 'the first key has no predecessor')

  const next = await createTestKeys()
  const { PUBLIC_KEY_PATH: publicPath, PRIVATE_KEY_PATH: privatePath } = files.env
  await writeFile(publicPath!, await readFile(publicPath!, 'utf8') + next.publicPem)
  await writeFile(privatePath!, next.privatePem)
  await until(async () => {
    await Promise.all([login(one.app), login(two.app)])
    return await noted() === 2
  })
  await Promise.all([login(one.app), login(two.app)])
  t.match(await keyEvents(), [{ data: { kid: /^[\w-]{43}$/ }, userId: null }])
})
