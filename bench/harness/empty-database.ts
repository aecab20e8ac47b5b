import pg from 'pg'
import type { BenchDatabase } from './database.js'
import type { Teardown } from './teardown.js'

export interface EmptyDatabase {
  /** Of the superuser. */
  url: string
  /** The same, one connection. */
  pool: pg.Pool
}

/** Another database in the same PostgreSQL server, for a peer. */
export async function createEmptyDatabase (t: Teardown, { admin, url }: BenchDatabase, name: string): Promise<EmptyDatabase> {
  await admin.query(`create database ${pg.escapeIdentifier(name)}`)
  const own = new URL(url('postgres'))
  own.pathname = name
  const pool = new pg.Pool({ connectionString: own.href, max: 1 })
  pool.on('error', () => {})                          // as the pool of the bench's own database
  t.teardown(() => pool.end())
  return { url: own.href, pool }
}
