import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import type { Teardown } from './teardown.js'

const DATABASE = 'auth'

export interface Database {
  /** Connection string of the ws role. */
  wsUrl: string
  /** Ends the sessions of these sockets, in one statement. */
  revoke: (firstIndex: number, lastIndex: number) => Promise<void>
}

/** A migrated database in a PostgreSQL of its own. */
export async function startDatabase (t: Teardown): Promise<Database> {
  const folder = temporaryFolder(t)
  const { stop, adminUrl, port, credentials } = await startEmbeddedPostgres({ dataDir: folder })
  t.teardown(stop)
  await prepareDatabase(adminUrl, DATABASE, credentials)
  await migrate(connectionString(credentials, 'auth_owner', port, DATABASE))
  const admin = new pg.Pool({ connectionString: connectionString(credentials, 'postgres', port, DATABASE), max: 1 })
  admin.on('error', () => {})                         // PostgreSQL may be faster than the goodbye of a connection
  t.teardown(() => admin.end())
  await admin.query('select')
  return {
    wsUrl: connectionString(credentials, 'ws', port, DATABASE),
    async revoke (firstIndex, lastIndex) {
      await admin.query({
        name: 'revoke',
        text: `insert into revocations (sid, user_id, reason)
               select ('00000000-0000-4000-8000-' || suffix)::uuid, ('10000000-0000-4000-8000-' || suffix)::uuid, 'logout'
                 from (select lpad(to_hex(i), 12, '0') as suffix from generate_series($1::int, $2::int) i) numbers`,
        values: [firstIndex, lastIndex]
      })
    }
  }
}

export function temporaryFolder (t: Teardown): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-bench-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
