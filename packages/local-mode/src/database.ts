import { readFile } from 'node:fs/promises'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import pg from 'pg'
import { DATABASE_ROLES, type Credentials } from './credentials.js'
import { PROJECT_FOLDER } from './project-folder.js'

const CONNECT_WITHIN_MS = 5000

/**
 * Makes the database when it is absent, and its least-privilege roles, and gives those their passwords. Doing it
 * again changes nothing. Tables and what the roles may do with them come by migration.
 * @param adminUrl connection string of the superuser
 * @param database a plain name, lower case
 */
export async function prepareDatabase (adminUrl: string, database: string, credentials: Credentials): Promise<void> {
  await withClient(adminUrl, async client => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`)
  })
  const init = await readFile(`${PROJECT_FOLDER}/postgres-init/01-init.sql`, 'utf8')
  await withClient(Object.assign(new URL(adminUrl), { pathname: `/${database}` }).href, async client => {
    await client.query(init)
    for (const role of DATABASE_ROLES) {
      await client.query(`alter role ${role} password ${client.escapeLiteral(credentials[role])}`)
    }
  })
}

/**
 * Proves that a connection string leads to a PostgreSQL.
 * @param setting the name the sentence blames
 * @throws {StartupError} when it does not answer, or refuses
 */
export async function checkConnection (setting: string, connectionString: string): Promise<void> {
  await withClient(connectionString, async () => {}).catch((err: NodeJS.ErrnoException) => {
    throw new StartupError(`${setting}: cannot use PostgreSQL (${err.code ?? err.message}); check that it runs and that the address and the password are right`)
  })
}

async function withClient (connectionString: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString, application_name: 'prepare-database', connectionTimeoutMillis: CONNECT_WITHIN_MS })
  // A connection that is lost also fails the query that runs, and that is enough.
  client.on('error', () => {})
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
