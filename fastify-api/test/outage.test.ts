import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createKeyFiles, get, login, refresh, startApi } from './fixtures/api.js'

/** A TCP relay in front of PostgreSQL, so that a test can take the database away and give it back. */
async function relayTo (t: Test, connectionString: string) {
  const target = new URL(connectionString)
  const sockets = new Set<Socket>()
  const server = createServer(inbound => {
    const outbound = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [[inbound, outbound], [outbound, inbound]] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => { sockets.delete(socket); other.destroy() }).pipe(other)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cut = async () => {
    const closed = new Promise(resolve => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  t.teardown(cut)
  return {
    connectionString: Object.assign(new URL(connectionString), { hostname: '127.0.0.1', port: String(port) }).href,
    cut,
    restore: async () => { await once(server.listen(port, '127.0.0.1'), 'listening') }
  }
}

t.test('while PostgreSQL is away', async t => {
  const database = await createDatabase(t)
  const files = await createKeyFiles(t)
  const relay = await relayTo(t, database.connectionString)
  const shared = { database: { ...database, connectionString: relay.connectionString }, files }
  const { app } = await startApi(t, { REVOCATION_MAX_STALENESS: '5s' }, shared)
  const lenient = await startApi(t, { REVOCATION_MAX_STALENESS: 'never' }, shared)
  const ready = async () => (await app.inject('/api/ready')).json()
  const until = async (check: () => Promise<boolean>) => { while (!await check()) await sleep(100) }

  const session = await login(app)
  const over = await login(app)
  await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${over.refreshToken}` } })
  t.match(await ready(), { status: 'ready', checks: { postgres: 'ok', revocations: 'ok' } })
  // Remembers the name, so that the next answer needs no query.
  t.equal((await get(app, '/api/protected', session.accessToken)).statusCode, 200)
  t.equal((await get(lenient.app, '/api/protected', session.accessToken)).statusCode, 200)

  await relay.cut()
  t.match(await ready(), { status: 'not_ready', checks: { postgres: 'failing' } })
  t.equal((await app.inject('/api/health')).statusCode, 200)
  for (const response of [
    await app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'password123' } }),
    await refresh(app, session.refreshToken),
    await get(app, '/api/me', session.accessToken),
    await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${session.refreshToken}` } })
  ]) {
    t.match(response.json(), { status: 503, code: 'temporarily_unavailable', detail: undefined })
    t.ok(Number(response.headers['retry-after']) > 0)
    t.notOk('set-cookie' in response.headers, 'the cookie is left alone')
    t.notMatch(response.body, /ECONN|127\.0\.0\.1|Connection/)
  }

  await until(async () => (await ready()).checks.revocations === 'failing')
  const stale = await app.inject('/api/ready')
  t.equal(stale.statusCode, 503)
  t.ok(Number(stale.headers['retry-after']) > 0)
  for (const { accessToken } of [session, over]) t.equal((await get(app, '/api/protected', accessToken)).statusCode === 200, false, 'fails closed')
  t.match((await get(app, '/api/protected', session.accessToken)).json(), { code: 'temporarily_unavailable' })
  t.equal((await get(app, '/api/protected', 'rubbish')).statusCode, 401, 'a bad token is a bad token')
  t.equal((await get(lenient.app, '/api/protected', session.accessToken)).statusCode, 200, 'never trades that for availability')
  t.equal((await get(lenient.app, '/api/protected', over.accessToken)).statusCode, 401, 'and forgets nothing')

  await relay.restore()
  await until(async () => (await ready()).status === 'ready')
  t.equal((await get(app, '/api/protected', session.accessToken)).statusCode, 200)
  t.equal((await get(app, '/api/protected', over.accessToken)).statusCode, 401)
  t.equal((await refresh(app, session.refreshToken)).statusCode, 200, 'the same cookie works afterwards')
})
