import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres, type EmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import { interrupt } from './interrupt.js'
import type { Teardown } from './teardown.js'
import { temporaryFolder } from './temporary-folder.js'

const DATABASE = 'auth'
const GOODBYE_MS = 1000

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

/**
 * A PostgreSQL of its own without a database yet, in a folder of the bench. One that is still being started gives up at an interrupt.
 * @param settings of its configuration
 */
export async function startBenchPostgres (t: Teardown, settings: Record<string, string> = {}): Promise<EmbeddedPostgres & { dataDir: string }> {
  const dataDir = temporaryFolder(t)
  const starting = startEmbeddedPostgres({ dataDir, settings, giveUp: interrupt })
  t.teardown(() => starting.then(({ stop }) => stop(), () => {}))
  return { ...await starting, dataDir }
}

/** A migrated database in a PostgreSQL of its own, as local mode runs it; both end with the bench. */
export async function startBenchDatabase (t: Teardown): Promise<BenchDatabase> {
  const { adminUrl, port, credentials, dataDir } = await startBenchPostgres(t)
  await prepareDatabase(adminUrl, DATABASE, credentials)
  const url: BenchDatabase['url'] = role => connectionString(credentials, role, port, DATABASE)
  await migrate(url('auth_owner'))
  const admin = new pg.Pool({ connectionString: url('postgres'), max: 4 })
  admin.on('error', () => {})                         // PostgreSQL may be faster than the goodbye of a connection
  t.teardown(async () => {
    // What it is asked may take minutes; PostgreSQL ends that.
    if (interrupt.aborted) return
    await untilAlone(admin)
    await admin.end()
  })
  const { rows } = await admin.query<{ pid: number }>("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid")
  return { url, admin, port, postmasterPid: rows[0]!.pid, dataDir }
}

// A pool has ended before PostgreSQL has read the goodbye of its connections; stopped meanwhile, it would complain to them.
async function untilAlone (admin: pg.Pool): Promise<void> {
  const giveUp = performance.now() + GOODBYE_MS
  for (let others = Infinity; others > 0 && performance.now() < giveUp;) {
    const { rows } = await admin.query<{ count: number }>("select count(*)::int as count from pg_stat_activity where backend_type = 'client backend' and usename <> 'postgres'")
    others = rows[0]!.count
  }
}
