import { createRedis, REDIS_MISSING } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { ApiClient } from '../growth/api-client.js'
import { populate } from '../growth/populate.js'
import { openTokens, type Tokens } from '../growth/tokens.js'
import { createUsers, startApi, USERS } from '../harness/api-under-test.js'
import type { BenchDatabase } from '../harness/database.js'
import { progress } from '../harness/command-line.js'
import type { Teardown } from '../harness/teardown.js'
import type { Place } from './costs.js'

export const AT_ONCE = 16
const BCRYPT_COST = 4
/** So many that each cold operation finds pages of its own. */
const USERS_AT_LEAST = 100_000

export interface ApiUnderMeasure { place: Place, database: BenchDatabase, tokens: Tokens, client: ApiClient }

/**
 * An API with a PostgreSQL that holds the history of a month, and with a Redis where it is installed.
 * @param users at least; a run takes each of them once
 */
export async function openApi (t: Teardown, bits: 2048 | 4096, users: number): Promise<ApiUnderMeasure> {
  const redis = REDIS_MISSING ? undefined : await createRedis(t)
  const api = await startApi(t, { bits, bcryptCost: BCRYPT_COST, settings: redis === undefined ? {} : { REDIS_URL: redis.url } })
  const { database } = api
  const population = Math.max(USERS_AT_LEAST, users)
  progress(`${bits} bits: filling ${population} users`)
  await createUsers(database, api.keysDir, { from: USERS, count: population - USERS, bcryptCost: BCRYPT_COST })
  await populate(database, population)
  const tokens = await openTokens(t, api, population)
  const client = new ApiClient(api.url, AT_ONCE)
  t.teardown(() => client.close())
  const parts = { api: api.pid, postgres: database.postmasterPid, ...redis === undefined ? {} : { redis: await redisPid(redis) } }
  return { place: { admin: database.admin, redis, parts }, database, tokens, client }
}

/** Of the server itself, not of the shell that watches it. */
export async function redisPid (redis: { command: (name: string, ...args: string[]) => Promise<unknown> }): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(String(await redis.command('info', 'server')))![1])
}
