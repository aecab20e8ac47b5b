import pg from 'pg'
import { StartupError } from './startup-error.js'

export const MINIMUM_POSTGRES_MAJOR = 15
/** Of the newest migration that a process cannot do without. */
const NEWEST_TABLE = 'public.signing_keys'

/**
 * Proves at start that a connection string leads to a usable PostgreSQL.
 * @param setting the name the sentence blames
 * @throws {StartupError} unreachable, refused, older than 15, or without the tables of this version
 */
export async function checkPostgres (setting: string, connectionString: string): Promise<void> {
  let client: pg.Client | undefined
  try {
    client = new pg.Client({ connectionString, connectionTimeoutMillis: 5000, query_timeout: 5000 })   // reads the string, and may refuse it
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query<{ version: number, migrated: boolean }>(
      "select current_setting('server_version_num')::int as version, to_regclass($1) is not null as migrated", [NEWEST_TABLE])
    const { version, migrated } = rows[0]!
    const major = Math.floor(version / 10_000)
    if (major < MINIMUM_POSTGRES_MAJOR) throw new StartupError(`${setting}: PostgreSQL ${major} is too old, ${MINIMUM_POSTGRES_MAJOR} or later is needed`)
    if (!migrated) throw new StartupError(`${setting}: the database lacks tables of this version; run npm run migrate`)
  } catch (err) {
    if (err instanceof StartupError) throw err
    const { code, message } = err as NodeJS.ErrnoException
    throw new StartupError(`${setting}: cannot use PostgreSQL (${code ?? message}); check that it runs and that the address and the password are right`)
  } finally {
    await client?.end().catch(() => {})
  }
}
