import type { Queryable } from './queryable.js'

/** Consecutive wrong passwords after which no further one is evaluated (NIST SP 800-63B-4, section 3.2.2). */
export const MAXIMUM_FAILURES = 100

/** A budget that is used up. */
export const IS_CLOSED = `failures >= ${MAXIMUM_FAILURES}`

/** One attempt that has been counted as a failure. */
export interface CountedGuess {
  userId: string
  /** Whose budget it is; null for that of all unknown devices. */
  deviceId: string | null
  /** How many there are with this one. */
  failures: number
}

/**
 * Counts an attempt as a failure, unless the budget is used up. One statement: parallel attempts get as many as are left.
 * @param deviceId a device that is forgotten at this moment counts with the unknown ones
 */
export async function countGuess (db: Queryable, userId: string, deviceId: string | null): Promise<CountedGuess | undefined> {
  const { rows } = await db.query<CountedGuess>({
    name: 'count-guess',
    text: `insert into guess_ceilings as budget (user_id, device_id, failures)
           select $1::uuid, (select id from devices where user_id = $1 and id = $2 for key share), 1
           on conflict (user_id, device_id) do update set failures = budget.failures + 1 where not budget.${IS_CLOSED}
           returning user_id as "userId", device_id as "deviceId", failures`,
    values: [userId, deviceId]
  })
  return rows[0]
}

/** Commits as much as a counted attempt does, and changes nothing. For users who do not exist. */
export async function countNothing (db: Queryable): Promise<void> {
  await db.query({ name: 'count-nothing', text: "select pg_logical_emit_message(true, 'guess', '')" })
}

/** Takes an attempt back that was not evaluated. A budget that has been told to be closed stays closed. */
export async function uncountGuess (db: Queryable, { userId, deviceId }: CountedGuess): Promise<void> {
  await db.query({
    name: 'uncount-guess',
    text: `update guess_ceilings set failures = greatest(failures - 1, 0)
            where user_id = $1 and device_id is not distinct from $2 and locked_at is null`,
    values: [userId, deviceId]
  })
}

/**
 * Tells that a budget is used up, once, however many ask.
 * @returns true for the one whose statement told it
 */
export async function lockIfClosed (db: Queryable, { userId, deviceId }: CountedGuess, requestId: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'lock-if-closed',
    text: `with locked as (
             update guess_ceilings set locked_at = now()
              where user_id = $1 and device_id is not distinct from $2 and ${IS_CLOSED} and locked_at is null returning *
           )
           insert into outbox (type, user_id, request_id, data)
           select 'account.locked', user_id, $3, jsonb_build_object('deviceId', device_id, 'failures', failures) from locked`,
    values: [userId, deviceId, requestId]
  })
  return rowCount === 1
}

/** Begins a budget anew, after a right password on it. */
export async function forgetGuesses (db: Queryable, userId: string, deviceId: string | null): Promise<void> {
  await db.query({
    name: 'forget-guesses', text: 'delete from guess_ceilings where user_id = $1 and device_id is not distinct from $2', values: [userId, deviceId]
  })
}

/**
 * Begins every budget of an account anew, the waits of `GUESS_BUDGETS` too: their keys hold the instant. Inside a transaction.
 * @returns how many budgets were used up
 */
export async function forgetAllGuesses (db: Queryable, userId: string): Promise<number> {
  // The user first, as a sign-in locks them, so that the two cannot deadlock.
  await db.query('update users set guesses_forgotten_at = now() where id = $1', [userId])
  const { rows } = await db.query<{ closed: boolean }>(`delete from guess_ceilings where user_id = $1 returning ${IS_CLOSED} as closed`, [userId])
  return rows.filter(({ closed }) => closed).length
}
