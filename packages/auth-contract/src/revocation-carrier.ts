import type pg from 'pg'
import type { Revocation } from './revocation.js'

export const REVOCATION_CHANNEL = 'revocations'

export interface CarrierListener {
  /** One message. Nobody has checked what it holds. */
  onMessage: (payload: string) => void
  /** From now on messages arrive; those sent before may have been missed. */
  onListening: () => void
}

/**
 * Brings the news of an ended session to the other processes at once: PostgreSQL's LISTEN or a Redis channel. Best
 * effort, because what gets lost on the way is found by reading the table.
 */
export interface RevocationCarrier {
  readonly name: 'notify' | 'redis'
  /** Begins to listen, and goes on trying while the service is away. Never throws. */
  listen (listener: CarrierListener): void
  /** Told of each new connection that is going to read the table, before its first read. */
  useConnection (client: pg.Client): Promise<void>
  /** Tells the others. Call it after the commit. Never waits and never throws. */
  publish (revocation: Revocation): void
  close (): Promise<void>
}
