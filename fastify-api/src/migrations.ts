import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import pg from 'pg'

const DIRECTORY = fileURLToPath(new URL('../migrations', import.meta.url))
// Grants by two processes at once fail with "tuple concurrently updated".
const GRANTS_LOCK = 7_253_481_203

/**
 * Brings the database to the schema of this version. Safe when several processes start at once: they take turns, and
 * all but the first find nothing to do. Forward only.
 * @param connectionString of a role that owns the tables
 * @returns the names of the migrations that this call applied
 */
export async function migrate (connectionString: string): Promise<{ applied: string[] }> {
  const client = new pg.Client({ connectionString, application_name: 'migrate' })
  await client.connect()
  try {
    const applied = await runner({
      dbClient: client,
      dir: DIRECTORY,
      ignorePattern: '\\..*|grants\\.sql',
      migrationsTable: 'migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      log: () => {}
    })
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [GRANTS_LOCK])
    await client.query(await readFile(`${DIRECTORY}/grants.sql`, 'utf8'))
    await client.query('commit')
    return { applied: applied.map(({ name }) => name) }
  } finally {
    await client.end()
  }
}
