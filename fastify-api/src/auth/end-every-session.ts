import type pg from 'pg'
import { endSessionsAfter } from '../db/end-sessions.js'

const BATCH = 1000
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/**
 * Ends every session of every user, a batch in a transaction: nobody waits for all of them. One that begins meanwhile may
 * end, too. When it fails in the middle, doing it again ends the others.
 * @returns how many ended
 */
export async function endEverySession (pool: pg.Pool): Promise<number> {
  let total = 0
  let after: string | undefined = BEFORE_ALL
  while (after !== undefined) {
    const { ended, last } = await endSessionsAfter(pool, after, 'admin', BATCH)
    total += ended
    after = last
  }
  return total
}
