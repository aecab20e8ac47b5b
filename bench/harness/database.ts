import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import type { Teardown } from './teardown.js'
import { temporaryFolder } from './temporary-folder.js'

const DATABASE = 'auth'

export interface BenchDatabase {
  /** The connection string of a role: `postgres` is the superuser, `auth_owner` owns the tables, the others are those of the parts. */
  url: (role: 'postgres' | 'auth_owner' | 'api' | 'worker' | 'ws') => string
  /** Of the superuser, four connections. */
  admin: pg.Pool
  port: number
  postmasterPid: number
  /** Of the postmaster's data. */
  dataDir: string
}

/** A migrated database in a PostgreSQL of its own, as local mode runs it; both end with the bench. */
export async function startBenchDatabase (t: Teardown): Promise<BenchDatabase> {
  const dataDir = temporaryFolder(t)
  const { stop, adminUrl, port, credentials } = await startEmbeddedPostgres({ dataDir })
  t.teardown(stop)
  await prepareDatabase(adminUrl, DATABASE, credentials)
  const url: BenchDatabase['url'] = role => connectionString(credentials, role, port, DATABASE)
  await migrate(url('auth_owner'))
  const admin = new pg.Pool({ connectionString: url('postgres'), max: 4 })
  admin.on('error', () => {})                         // PostgreSQL may be faster than the goodbye of a connection
  t.teardown(() => admin.end())
  const { rows } = await admin.query<{ pid: number }>("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid")
  return { url, admin, port, postmasterPid: rows[0]!.pid, dataDir }
}
