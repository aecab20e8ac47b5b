import type { AuthEvent, EventType } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from '../db/queryable.js'

/** Called once the work has been committed, such as to count it. */
export type AfterCommit = () => void

/**
 * Somebody who is told of events, at least once each. Events of one session come in their order, those of different
 * sessions in any.
 */
export interface Consumer {
  /** Also names its queue. */
  name: string
  /** What it wants to be told of. */
  types: readonly EventType[]
  /**
   * Does its work for a batch inside the transaction of `db`. Idempotent by event id: an event that comes again changes
   * nothing. No network in here. When it throws, nothing of the batch has happened and each event is tried by itself.
   */
  handle (db: Queryable, events: readonly AuthEvent[]): Promise<AfterCommit | void>
}
