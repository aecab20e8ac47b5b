import { setTimeout as sleep } from 'node:timers/promises'
import { progress } from '../harness/command-line.js'
import { measureCosts, type Costs, type Place } from './costs.js'

const ROWS = 30_000
/** Three reads; with four rounds within the 30 seconds for which a row is read again. */
const WATCH_MS = 6000
const FIRST_READ_MS = 3000

/**
 * What one row of an ended session costs each time that a process reads it: the API, which applies it, and PostgreSQL.
 * Many sessions have ended at once, and nothing else happens.
 * @param rounds at most four
 * @returns of each round
 */
export async function measureRevocations (place: Place, rounds: number): Promise<Costs[]> {
  const { admin } = place
  const rowsRead = async () => (await admin.query<{ count: number }>("select idx_tup_fetch::float8 as count from pg_stat_user_tables where relname = 'revocations'")).rows[0]!.count
  await admin.query("insert into revocations (sid, user_id, reason) select gen_random_uuid(), gen_random_uuid(), 'logout' from generate_series(1, $1::int)", [ROWS])
  await sleep(FIRST_READ_MS)                          // it applies them; the others find them known
  const costs: Costs[] = []
  for (let round = 1; round <= rounds; round++) {
    progress(`rows of revocations: round ${round} of ${rounds}`)
    costs.push(await measureCosts(place, async () => {
      const before = await rowsRead()
      await sleep(WATCH_MS)
      return await rowsRead() - before
    }))
  }
  return costs
}
