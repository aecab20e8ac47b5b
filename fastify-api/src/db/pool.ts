import pg from 'pg'
import type { Logger } from 'pino'

// A refresh that waits for a row lock answers 503 after lock_timeout; nothing of ours runs longer than statement_timeout.
const LIMITS = {
  connectionTimeoutMillis: 3000,
  lock_timeout: 2000,
  statement_timeout: 5000,
  query_timeout: 6000,
  idle_in_transaction_session_timeout: 5000
}

/** Connections at once of one process. In the worker each consumer may have a transaction open and each of the relay's batches is read, and the clean-up and the mails ask as well. */
export const POOL_SIZES = { api: 10, worker: 12 }

/**
 * A pool whose waits all end: for a connection after 3 s, for a lock after 2 s, for a statement after 5 s.
 * @param max connections at once
 */
export function createPool (applicationName: string, connectionString: string, max: number, log: Logger): pg.Pool {
  const pool = new pg.Pool({ connectionString, application_name: applicationName, max, ...LIMITS })
  pool.on('error', err => log.error({ err }, 'an idle PostgreSQL connection was lost'))
  return pool
}
