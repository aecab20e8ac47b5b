/** How many failures in a row one key may have, and how long it waits then. */
export interface Budget {
  /** Short and of ours: never what a client has sent. */
  key: string
  /** Failures without a wait. */
  free: number
  /**
   * The wait after the last free failure, doubled by every further one up to the longest. Without delays the wait lasts
   * until the failures are forgotten.
   */
  delays?: { firstMs: number, longestMs: number }
  /** From the last failure where there are delays, otherwise from the first one: a fixed window. */
  forgottenAfterMs: number
}

/** `index` is that of the budget that waits longest. */
export type Begun =
  | { kind: 'begun', attempt: CountedAttempt }
  | { kind: 'refused', index: number, waitMs: number }

/** An attempt that has been counted as a failure. */
export interface CountedAttempt {
  /** Gives it back to these keys: it was no failure. */
  forgive (keys: string[]): Promise<void>
}

export interface Counted {
  /** Requests in the current window, this one included. */
  count: number
  /** Milliseconds until the window ends. */
  resetMs: number
}

/** Counts requests and failures. Every call is atomic, and every key is forgotten by itself. */
export interface LimitCounters {
  /** Counts one in a fixed window that begins with the first. */
  count (key: string, windowMs: number): Promise<Counted>
  /**
   * Counts an attempt as a failure of every budget before it is evaluated, so that neither parallel attempts nor a crash
   * get one for nothing. When one of the budgets has to wait, none is charged.
   */
  begin (budgets: readonly Budget[]): Promise<Begun>
  /** Forgets the failures of these keys. */
  reset (keys: string[]): Promise<void>
}
