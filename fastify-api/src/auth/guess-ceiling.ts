import type pg from 'pg'
import { recordEvent } from '../db/events.js'
import { MAXIMUM_FAILURES, countGuess, countNothing, forgetAllGuesses, lockIfClosed, uncountGuess, type CountedGuess } from '../db/guess-ceilings.js'
import { inTransaction } from '../db/queryable.js'

/** An attempt to give the password of an account. `closed` is answered like a wrong password, after the same work. */
export type Guess = { kind: 'open', counted: CountedGuess } | { kind: 'closed' } | { kind: 'no_account' }

/**
 * Counts an attempt as a failure before anything is evaluated: neither parallel attempts nor a crash get one more. A
 * hundred consecutive failures use a budget up until an administrator or a new password opens it. Each known device
 * has its own, so that an attack from elsewhere does not keep the owner out.
 * @param userId undefined for an unknown user; as much is committed then
 * @param deviceId the recognised device; null counts with all unknown ones
 */
export async function beginGuess (pool: pg.Pool, userId: string | undefined, deviceId: string | null): Promise<Guess> {
  if (userId === undefined) {
    await countNothing(pool)
    return { kind: 'no_account' }
  }
  const counted = await countGuess(pool, userId, deviceId)
  return counted === undefined ? { kind: 'closed' } : { kind: 'open', counted }
}

/** The attempt was not evaluated: nobody has learnt anything, so it does not count. */
export async function giveBackGuess (pool: pg.Pool, guess: Guess): Promise<void> {
  if (guess.kind === 'open') await uncountGuess(pool, guess.counted)
}

/**
 * The password was wrong. A process that dies in between leaves a used-up budget closed, but untold.
 * @returns true when this failure used the budget up; `account.locked` has been recorded then
 */
export async function failGuess (pool: pg.Pool, guess: Guess, requestId: string): Promise<boolean> {
  // Only the hundredth asks: a statement more for every wrong password would tell it from an unknown user.
  return guess.kind === 'open' && guess.counted.failures >= MAXIMUM_FAILURES && await lockIfClosed(pool, guess.counted, requestId)
}

/** Opens every budget of an account as an administrator. @returns how many were closed */
export async function unlockAccount (pool: pg.Pool, userId: string): Promise<number> {
  return await inTransaction(pool, async db => {
    const closed = await forgetAllGuesses(db, userId)
    if (closed > 0) await recordEvent(db, { type: 'account.unlocked', userId, data: { by: 'admin' } })
    return closed
  })
}
