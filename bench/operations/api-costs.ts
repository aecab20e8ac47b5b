import { createRedis, REDIS_MISSING } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { ApiClient, type SignedIn } from '../growth/api-client.js'
import { deviceSecret, populate } from '../growth/populate.js'
import { readSizes, type RelationSize } from '../growth/sizes.js'
import { openTokens } from '../growth/tokens.js'
import { createUsers, startApi, USERS } from '../harness/api-under-test.js'
import { progress } from '../harness/command-line.js'
import type { Teardown } from '../harness/teardown.js'
import { measureCosts, type Costs, type Place } from './costs.js'

const AT_ONCE = 16
/** Hash processes have idle priority: what they cannot do soon enough beside everything else is refused. */
const SIGN_INS_AT_ONCE = 2
const BCRYPT_COST = 4
const CALLS_EACH = 10
/** So many that each cold operation finds pages of its own. */
const USERS_AT_LEAST = 100_000
const COLD = 200

export interface ApiCosts { costs: Record<string, Costs>, sizes: RelationSize[] }

/**
 * What requests cost the API, PostgreSQL and Redis. Hash processes are not the API's process here, nor is what they do.
 * The cold ones are the first to write to their pages after a checkpoint, so that the log gets these as a whole.
 * @param operations how often each is done
 */
export async function measureApi (t: Teardown, bits: 2048 | 4096, operations: number): Promise<ApiCosts> {
  const redis = REDIS_MISSING ? undefined : await createRedis(t)
  const api = await startApi(t, { bits, bcryptCost: BCRYPT_COST, settings: redis === undefined ? {} : { REDIS_URL: redis.url } })
  const { admin } = api.database
  const users = Math.max(USERS_AT_LEAST, 2 * operations)
  progress(`${bits} bits: filling ${users} users`)
  await createUsers(api.database, api.keysDir, { from: USERS, count: users - USERS, bcryptCost: BCRYPT_COST })
  await populate(api.database, users)
  const tokens = await openTokens(t, api, users)
  const client = new ApiClient(api.url, AT_ONCE)
  t.teardown(() => client.close())
  const place: Place = { admin, redis, parts: { api: api.pid, postgres: api.database.postmasterPid, ...redis === undefined ? {} : { redis: await redisPid(redis) } } }
  const measure = async (what: string, work: () => Promise<number>): Promise<Costs> => {
    progress(`${bits} bits: ${what}`)
    return await measureCosts(place, work)
  }

  const logIn = (people: Array<{ n: number }>) => () => eachOf(people, async ({ n }) => { await client.logIn(`user${n}`, deviceSecret(n)) }, SIGN_INS_AT_ONCE)
  await logIn(await tokens.take(AT_ONCE * 20))()                // warms up
  await admin.query('checkpoint')
  const loginCold = await measure('cold sign-ins', logIn(await tokens.take(COLD)))
  await admin.query('checkpoint')
  const cold = await tokens.take(COLD)
  const refreshCold = await measure('cold refreshes', () => eachOf(cold, async ({ cookie }) => { await client.refresh(cookie) }))

  const people = await tokens.take(operations)
  let holders: Array<Pick<SignedIn, 'cookie'>> = people
  const refresh = async () => {
    const renewed: SignedIn[] = []
    const done = await eachOf(holders, async ({ cookie }) => { renewed.push(await client.refresh(cookie)) })
    holders = renewed
    return done
  }
  const accessTokens = () => (holders as SignedIn[]).map(({ accessToken }) => accessToken)
  const repeated = <Item>(items: Item[]) => Array.from({ length: CALLS_EACH }, () => items).flat()

  await logIn(people)()                               // writes to their pages
  const login = await measure('sign-ins', logIn(people))
  await refresh()
  const refreshed = await measure('refreshes', refresh)
  const protectedFirst = await measure('protected calls with access tokens seen for the first time', () => eachOf(accessTokens(), token => client.callProtected(token)))
  const protectedCall = await measure('protected calls', () => eachOf(repeated(accessTokens()), token => client.callProtected(token)))
  const list = await measure('lists of sessions', () => eachOf(accessTokens(), async token => { await client.listSessions(token) }))
  const logout = await measure('sign-outs', () => eachOf(holders, ({ cookie }) => client.logOut(cookie)))
  return {
    costs: { 'login.cold': loginCold, login, 'refresh.cold': refreshCold, refresh: refreshed, protectedFirst, protected: protectedCall, list, logout },
    sizes: await readSizes(api.database)
  }
}

async function redisPid (redis: { command: (name: string, ...args: string[]) => Promise<unknown> }): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(String(await redis.command('info', 'server')))![1])
}

/** @returns how many there were */
async function eachOf<Item> (items: readonly Item[], work: (item: Item) => Promise<void>, atOnce = AT_ONCE): Promise<number> {
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < items.length) await work(items[next++]!)
  }))
  return items.length
}
