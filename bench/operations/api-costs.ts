import type { SignedIn } from '../growth/api-client.js'
import { deviceSecret } from '../growth/populate.js'
import { progress } from '../harness/command-line.js'
import { AT_ONCE, type ApiUnderMeasure } from './api-under-measure.js'
import { COLLECTED_MS, meanCosts, measureCosts, type Costs } from './costs.js'

/** Hash processes have idle priority: what they cannot do soon enough beside everything else is refused. */
const SIGN_INS_AT_ONCE = 2
const CALLS_EACH = 10
const WARM_UP = AT_ONCE * 10
/** Few beside the pages of the population, so that hardly two meet on one. */
const COLD_BATCH = 200
const COLD_BATCHES = 2
export const COLD_EACH = COLD_BATCH * COLD_BATCHES

type Person = { n: number, cookie: string }

/** How many users one round takes. */
export function usersOfRound (operations: number): number {
  return WARM_UP + 3 * COLD_EACH + operations
}

/**
 * One round: what each kind of request costs the API, PostgreSQL and Redis. Hash processes are not the API's process
 * here, nor is what they do. The cold ones are the first to write to their pages after a checkpoint, so that the log
 * gets these as a whole; there is a checkpoint before each batch of them.
 * @param operations how often each is done, the cold ones aside
 */
export async function measureRound ({ place, tokens, client }: ApiUnderMeasure, what: string, operations: number): Promise<Record<string, Costs>> {
  const measure = async (operation: string, work: () => Promise<number>, settleMs = 0): Promise<Costs> => {
    progress(`${what}: ${operation}`)
    return await measureCosts(place, work, settleMs)
  }
  const measureCold = async (operation: string, work: (people: Person[]) => () => Promise<number>): Promise<Costs> => {
    const batches: Costs[] = []
    for (let batch = 0; batch < COLD_BATCHES; batch++) {
      const people = await tokens.take(COLD_BATCH)
      await place.admin.query('checkpoint')
      batches.push(await measure(`cold ${operation}`, work(people)))
    }
    return meanCosts(batches)
  }
  const logIn = (people: Person[]) => () => eachOf(people, async ({ n }) => { await client.logIn(`user${n}`, deviceSecret(n)) }, SIGN_INS_AT_ONCE)
  const logOut = (people: Array<Pick<SignedIn, 'cookie'>>) => () => eachOf(people, ({ cookie }) => client.logOut(cookie))
  const refresh = (people: Array<Pick<SignedIn, 'cookie'>>, renewed: SignedIn[]) => () => eachOf(people, async ({ cookie }) => { renewed.push(await client.refresh(cookie)) })

  await logIn(await tokens.take(WARM_UP))()
  const loginCold = await measureCold('sign-ins', logIn)
  const refreshCold = await measureCold('refreshes', people => refresh(people, []))
  const logoutCold = await measureCold('sign-outs', logOut)

  const people = await tokens.take(operations)
  await logIn(people)()                               // writes to their pages
  const login = await measure('sign-ins', logIn(people))
  const [first, holders]: [SignedIn[], SignedIn[]] = [[], []]
  await refresh(people, first)()
  const refreshed = await measure('refreshes', refresh(first, holders))
  const protectedFirst = await measure('protected calls with access tokens seen for the first time', () => eachOf(holders, ({ accessToken }) => client.callProtected(accessToken)), COLLECTED_MS)
  const again = Array.from({ length: CALLS_EACH }, () => holders).flat()
  const protectedCall = await measure('protected calls', () => eachOf(again, ({ accessToken }) => client.callProtected(accessToken)))
  const list = await measure('lists of sessions', () => eachOf(holders, async ({ accessToken }) => { await client.listSessions(accessToken) }))
  const logout = await measure('sign-outs', logOut(holders))
  return { 'login.cold': loginCold, login, 'refresh.cold': refreshCold, refresh: refreshed, protectedFirst, protected: protectedCall, list, 'logout.cold': logoutCold, logout }
}

/** @returns how many there were */
async function eachOf<Item> (items: readonly Item[], work: (item: Item) => Promise<void>, atOnce = AT_ONCE): Promise<number> {
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < items.length) await work(items[next++]!)
  }))
  return items.length
}
