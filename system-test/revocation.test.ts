import t, { type Test } from 'tap'
import { createDatabase, type TestDatabase } from '../packages/auth-contract/test/fixtures/database.js'
import { REDIS_MISSING, createRedis, type TestRedis } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { SocketClient, connect, refusal } from '../uws-server/test/fixtures/socket-client.js'
import { startCluster, type Cluster } from './fixtures/cluster.js'
import { logout, refresh, signIn, tryAccess, type HttpClient } from './fixtures/http-client.js'

const PAGE = 'http://localhost:3000'                  // allowed by default, and told by close code

interface Scene { cluster: Cluster, database: TestDatabase, redis: TestRedis | undefined }

async function setUp (t: Test, carrier: 'notify' | 'redis', settings: NodeJS.ProcessEnv = {}, redisRuns = true): Promise<Scene> {
  const database = await createDatabase(t)
  const redis = carrier === 'redis' ? await createRedis(t, redisRuns) : undefined
  // The tests' user may do everything; each process must get along with what its role may.
  const databaseUrl = (role: string) => `${database.connectionString}?options=${encodeURIComponent(`-c role=${role}`)}`
  const cluster = await startCluster(t, { databaseUrl, settings: { ...redis && { REDIS_URL: redis.url }, ...settings } })
  return { cluster, database, redis }
}

/** A session whose access token both APIs have verified, with a socket on each socket server. */
async function liveSession ({ apis, sockets }: Cluster): Promise<{ client: HttpClient, opened: SocketClient[] }> {
  const client = await signIn(apis[0].url)
  for (const { url } of apis) if (await tryAccess(url, client) !== 200) throw new Error('a new access token is refused')
  const opened = await Promise.all(sockets.map(({ url }) => connect(`${url}?token=${client.accessToken}`)))
  return { client, opened }
}

/** Every process has learned that the session is over, and lets nobody in again. */
async function checkEnded (t: Test, { apis, sockets }: Cluster, { client, opened }: { client: HttpClient, opened: SocketClient[] }, reason: string): Promise<void> {
  for (const socket of opened) {
    t.strictSame(await socket.closed, { code: 4410, reason: 'session_revoked' })
    t.strictSame(socket.frames.at(-1), { type: 'session_revoked', payload: { reason } })
  }
  for (const { url } of apis) await until(async () => await tryAccess(url, client) === 401)
  for (const { url } of sockets) t.equal((await refusal(`${url}?token=${client.accessToken}`)).status, 401)
}

async function metricsOf ({ metricsUrl }: { metricsUrl: string }): Promise<string> {
  return await (await fetch(metricsUrl)).text()
}

for (const carrier of ['notify', 'redis'] as const) {
  t.test(`two APIs and two socket servers, news by ${carrier}`, { skip: carrier === 'redis' && REDIS_MISSING }, async t => {
    const { cluster, database, redis } = await setUp(t, carrier, { REFRESH_REPLAY_WINDOW: '0s' })
    const [api, otherApi] = cluster.apis

    t.test('a logout on one API is known to all', async t => {
      const session = await liveSession(cluster)
      t.equal(await logout(api.url, session.client), 204)
      t.equal(await tryAccess(api.url, session.client), 401, 'and to this one at once')
      await checkEnded(t, cluster, session, 'logout')
      const heard = new RegExp(`^revocation_propagation_seconds_count\\{carrier="${carrier}"\\} [1-9]`, 'm')
      for (const part of [otherApi, ...cluster.sockets]) {
        // A read that falls into the same instant may have been faster, once.
        await until(async () => heard.test(await metricsOf(part)) || (await logout(api.url, await signIn(api.url)), false))
      }
    })

    t.test('a stolen refresh token that is used on one API ends the session everywhere', async t => {
      const session = await liveSession(cluster)
      const first = (await refresh(api.url, session.client)).client!
      const second = (await refresh(api.url, first)).client!
      t.equal(await tryAccess(otherApi.url, second), 200)
      // The server has seen that the newest refresh token reached its client: now an older one is a stolen one.
      await until(async () => (await database.pool.query('select from sessions where confirmed_generation = 2')).rowCount === 1)
      t.equal((await refresh(api.url, session.client)).status, 401)
      t.equal(await tryAccess(api.url, second), 401)
      await checkEnded(t, cluster, { client: second, opened: session.opened }, 'refresh_reuse')
    })

    t.test('a sign-in over a session ends that one everywhere', async t => {
      const session = await liveSession(cluster)
      await fetch(`${api.url}/api/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie: session.client.cookie },
        body: JSON.stringify({ username: 'testuser', password: 'password123' })
      }).then(response => response.text())
      await checkEnded(t, cluster, session, 'replaced')
    })

    t.test('sockets that open while their session ends: none survives', async t => {
      for (let round = 0; round < 5; round++) {
        const client = await signIn(api.url)
        const opening = Array.from({ length: 40 }, (_, i) => new SocketClient(`${cluster.sockets[i % 2]!.url}?token=${client.accessToken}`, { origin: PAGE }))
        // Some verifications are over, some under way and some have not begun when the logout commits.
        const [status] = await Promise.all([
          opening[round * 8]!.frame('connected').then(() => logout(api.url, client), () => logout(api.url, client)),
          ...opening.map(socket => socket.closed)
        ])
        t.equal(status, 204)
        t.strictSame(new Set(await Promise.all(opening.map(async socket => (await socket.closed).code))), new Set([4410]))
      }
    })

    t.test('a message that gets lost is found by reading', async t => {
      const session = await liveSession(cluster)
      if (redis) await redis.command('acl', 'setuser', 'default', '-publish')
      else await database.pool.query('alter table revocations disable trigger notify_revocation')
      t.equal(await logout(api.url, session.client), 204)
      await checkEnded(t, cluster, session, 'logout')
      for (const part of cluster.sockets) t.match(await metricsOf(part), /^revocation_propagation_seconds_count\{carrier="read"\} [1-9]/m)
    })

    t.test('the metrics count and name nobody', async t => {
      const text = await metricsOf(api)
      for (const line of [/^login_total\{result="signed_in"\} [1-9]/m, /^refresh_total\{outcome="theft"\} 1$/m, /^refresh_total\{outcome="rotate"\} 2$/m, /^revocation_feed_staleness_seconds \d/m]) t.match(text, line)
      for (const part of [...cluster.apis, ...cluster.sockets]) t.notMatch(await metricsOf(part), /testuser|eyJ|[0-9a-f]{8}-[0-9a-f]{4}-/)
    })
  })
}

t.test('Redis is away', { skip: REDIS_MISSING }, async t => {
  const { cluster, redis } = await setUp(t, 'redis', {}, false)

  t.test('at the start: everything runs, revocations arrive by reading', async t => {
    const session = await liveSession(cluster)
    t.equal(await logout(cluster.apis[0].url, session.client), 204)
    await checkEnded(t, cluster, session, 'logout')
    for (const { output } of [...cluster.apis, ...cluster.sockets]) t.equal(output().split('Redis is out of reach').length - 1, 1, 'said once')
  })

  t.test('it comes, is killed in the middle, and comes back', async t => {
    await redis!.start()
    for (const { output } of [...cluster.apis, ...cluster.sockets]) await until(() => output().includes('Redis is back'))
    const before = await liveSession(cluster)
    t.equal(await logout(cluster.apis[0].url, before.client), 204)
    await checkEnded(t, cluster, before, 'logout')

    const during = await liveSession(cluster)
    await redis!.signal('SIGKILL')
    t.equal(await logout(cluster.apis[0].url, during.client), 204)
    await checkEnded(t, cluster, during, 'logout')

    await redis!.start()
    for (const { output } of [...cluster.apis, ...cluster.sockets]) await until(() => output().split('Redis is back').length === 3)
    const after = await liveSession(cluster)
    t.equal(await logout(cluster.apis[1].url, after.client), 204)
    await checkEnded(t, cluster, after, 'logout')
  })
})
