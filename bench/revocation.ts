// From the answer of a logout on one API until the other API refuses the access token and the other socket server has
// closed the socket, with either carrier. `npm run bench:revocation -- 500` for other than 200 rounds.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import { WebSocket } from 'ws'
import { REDIS_MISSING, createRedis } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { startCluster, type Cluster } from '../system-test/fixtures/cluster.js'
import { logout, signIn, type HttpClient } from '../system-test/fixtures/http-client.js'

const ROUNDS = Number(process.argv[2] ?? 200)
const WARM_UP_ROUNDS = 10
const ROUNDS_WITH_LOSS = 10
const AIM_MS = 50
const AIM_WITH_LOSS_MS = 3000

type Teardown = { teardown: (handler?: () => unknown) => void }
interface Round { refusedAfterMs: number, closedAfterMs: number }
interface Scene { cluster: Cluster, loseMessages: () => Promise<unknown> }

await withTeardown(main)

async function main (t: Teardown): Promise<void> {
  const createDatabase = await startPostgres(t)
  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`)
  console.log(`${ROUNDS} rounds: two APIs, two socket servers, one PostgreSQL, all on this machine`)
  const rows: Record<string, unknown> = {}
  for (const carrier of ['notify', 'redis'] as const) {
    if (carrier === 'redis' && REDIS_MISSING) {
      console.log(`redis left out: ${REDIS_MISSING}`)
      continue
    }
    await withTeardown(async own => {
      progress(`${carrier}: starting`)
      const { cluster, loseMessages } = await startScene(own, carrier, await createDatabase(own, carrier))
      await runRounds(cluster, WARM_UP_ROUNDS)
      progress(`${carrier}: ${ROUNDS} rounds`)
      addRows(rows, carrier, await runRounds(cluster, ROUNDS), AIM_MS)
      await loseMessages()
      progress(`${carrier}: ${ROUNDS_WITH_LOSS} rounds with the message lost`)
      addRows(rows, `${carrier}, message lost`, await runRounds(cluster, ROUNDS_WITH_LOSS), AIM_WITH_LOSS_MS)
    })
  }
  console.table(rows)
}

interface Database { url: (role: 'api' | 'ws') => string, admin: pg.Pool }

/** @returns how to get a migrated database of a name */
async function startPostgres (t: Teardown): Promise<(t: Teardown, name: string) => Promise<Database>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-bench-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { stop, adminUrl, port, credentials } = await startEmbeddedPostgres({ dataDir: folder })
  t.teardown(stop)
  return async (t, name) => {
    await prepareDatabase(adminUrl, name, credentials)
    await migrate(connectionString(credentials, 'auth_owner', port, name))
    const admin = new pg.Pool({ connectionString: connectionString(credentials, 'postgres', port, name), max: 1 })
    t.teardown(() => admin.end())
    return { url: role => connectionString(credentials, role, port, name), admin }
  }
}

async function startScene (t: Teardown, carrier: 'notify' | 'redis', { url, admin }: Database): Promise<Scene> {
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
  return await new Promise((resolve, reject) => {
    request(`${url}/api/protected`, { agent, headers: { authorization: `Bearer ${accessToken}` } }, response => {
      response.resume().once('end', () => resolve(response.statusCode!))
    }).once('error', reject).end()
  })
}

function addRows (rows: Record<string, unknown>, name: string, rounds: Round[], aimMs: number): void {
  rows[`${name}: other API answers 401`] = summary(rounds.map(({ refusedAfterMs }) => refusedAfterMs), aimMs)
  rows[`${name}: other socket closed`] = summary(rounds.map(({ closedAfterMs }) => closedAfterMs), aimMs)
}

function summary (times: number[], aimMs: number): Record<string, unknown> {
  const sorted = times.toSorted((a, b) => a - b)
  const percentile = (p: number) => Number(sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)]!.toFixed(1))
  return { rounds: sorted.length, 'p50, ms': percentile(0.5), 'p95, ms': percentile(0.95), 'p99, ms': percentile(0.99), 'max, ms': percentile(1), 'aim for p99, ms': `< ${aimMs}` }
}

async function withTeardown (work: (t: Teardown) => Promise<void>): Promise<void> {
  const handlers: Array<() => unknown> = []
  try {
    await work({ teardown: handler => { handlers.push(handler!) } })
  } finally {
    for (const handler of handlers.reverse()) await handler()
  }
}

function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}
