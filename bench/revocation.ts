// From the answer of a logout on one API until the other API refuses the access token and the other socket server has
// closed the socket, with either carrier. `npm run bench:revocation -- 500` for 500 rounds instead of 200.
import { once } from 'node:events'
import { Agent } from 'node:http'
import { WebSocket } from 'ws'
import { REDIS_MISSING, createRedis } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { startCluster, type Cluster } from '../system-test/fixtures/cluster.js'
import { logout, signIn, type HttpClient } from '../system-test/fixtures/http-client.js'
import { ask } from './harness/ask.js'
import { progress, readArguments, wholeNumber } from './harness/command-line.js'
import { startBenchDatabase, type BenchDatabase } from './harness/database.js'
import { publish, versionsOf, type Figure } from './harness/measurements.js'
import { percentile } from './harness/statistics.js'
import { withTeardown, type Teardown } from './harness/teardown.js'

const [ROUNDS] = readArguments(['rounds', wholeNumber, 200])
const WARM_UP_ROUNDS = 10
const ROUNDS_WITH_LOSS = 10
const AIM_MS = 50
const AIM_WITH_LOSS_MS = 3000

interface Round { refusedAfterMs: number, closedAfterMs: number }
interface Scene { cluster: Cluster, loseMessages: () => Promise<unknown> }
/** How long rounds of one kind took, and how long they may. */
interface Kind { name: string, id: string, rounds: Round[], aimMs: number }

await withTeardown(async () => {
  const kinds: Kind[] = []
  for (const carrier of ['notify', 'redis'] as const) {
    if (carrier === 'redis' && REDIS_MISSING) {
      console.log(`redis left out: ${REDIS_MISSING}`)
      continue
    }
    await withTeardown(async t => {
      progress(`${carrier}: starting`)
      const { cluster, loseMessages } = await startScene(t, carrier, await startBenchDatabase(t))
      await runRounds(cluster, WARM_UP_ROUNDS)
      progress(`${carrier}: ${ROUNDS} rounds`)
      kinds.push({ name: carrier, id: carrier, rounds: await runRounds(cluster, ROUNDS), aimMs: AIM_MS })
      await loseMessages()
      progress(`${carrier}: ${ROUNDS_WITH_LOSS} rounds with the message lost`)
      kinds.push({ name: `${carrier}, message lost`, id: `${carrier}.lost`, rounds: await runRounds(cluster, ROUNDS_WITH_LOSS), aimMs: AIM_WITH_LOSS_MS })
    })
  }
  const effects = kinds.flatMap(({ name, id, rounds, aimMs }) => [
    { name: `${name}: other API answers 401`, id: `revocation.${id}.api`, aimMs, times: rounds.map(({ refusedAfterMs }) => refusedAfterMs) },
    { name: `${name}: other socket closed`, id: `revocation.${id}.socket`, aimMs, times: rounds.map(({ closedAfterMs }) => closedAfterMs) }
  ])
  publish({
    bench: 'revocation',
    title: 'From the answer of a logout until every process knows',
    method: `${ROUNDS} logouts by each carrier, and ${ROUNDS_WITH_LOSS} where the message is lost and the table is read instead; two APIs, two socket servers, one PostgreSQL, all on this machine. Negative times are real: the news may be there before the answer is.`,
    versions: versionsOf(['pg', 'ioredis', 'uWebSockets.js']),
    figures: Object.fromEntries(effects.map(({ name, id, aimMs, times }): [string, Figure] => [id, { what: `${name}, p99`, value: percentile(times, 0.99), unit: 'ms', aim: { atMost: aimMs } }])),
    tables: [{
      caption: 'Milliseconds from the answer of a logout at one API',
      head: ['news by', 'rounds', 'p50', 'p95', 'p99', 'longest', 'aim for p99'],
      rows: effects.map(({ name, aimMs, times }) => [name, String(times.length), ...[0.5, 0.95, 0.99, 1].map(share => percentile(times, share).toFixed(1)), `≤ ${aimMs}`])
    }]
  })
})

async function startScene (t: Teardown, carrier: 'notify' | 'redis', { url, admin }: BenchDatabase): Promise<Scene> {
  if (carrier === 'notify') {
    const cluster = await startCluster(t, { databaseUrl: url, settings: { LOG_LEVEL: 'error' } })
    return { cluster, loseMessages: () => admin.query('alter table revocations disable trigger notify_revocation') }
  }
  const redis = await createRedis(t)
  const cluster = await startCluster(t, { databaseUrl: url, settings: { LOG_LEVEL: 'error', REDIS_URL: redis.url } })
  return { cluster, loseMessages: () => redis.command('acl', 'setuser', 'default', '-publish') }
}

async function runRounds (cluster: Cluster, rounds: number): Promise<Round[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const results: Round[] = []
  for (let i = 0; i < rounds; i++) results.push(await runRound(cluster, agent))
  agent.destroy()
  return results
}

// Negative times are real: the news may be there before the answer is.
async function runRound ({ apis: [api, otherApi], sockets: [, otherServer] }: Cluster, agent: Agent): Promise<Round> {
  const client = await signIn(api.url)
  const socket = new WebSocket(`${otherServer.url}?token=${client.accessToken}`)
  await once(socket, 'message')
  const closedAt = once(socket, 'close').then(() => performance.now())
  if (await tryAccessWarm(agent, otherApi.url, client) !== 200) throw new Error('a new access token is refused')

  let refusedAt = Infinity
  const polling = (async () => {
    while (await tryAccessWarm(agent, otherApi.url, client) === 200);
    refusedAt = performance.now()
  })()
  await logout(api.url, client)
  const answeredAt = performance.now()
  await polling
  return { refusedAfterMs: refusedAt - answeredAt, closedAfterMs: await closedAt - answeredAt }
}

async function tryAccessWarm (agent: Agent, url: string, { accessToken }: HttpClient): Promise<number> {
  return (await ask(agent, { method: 'GET', url: `${url}/api/protected`, headers: { authorization: `Bearer ${accessToken}` } })).status
}
