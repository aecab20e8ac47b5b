import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { StartupError } from '@fastify-uws-auth/auth-contract'

/** The roles of the embedded database: its superuser, the owner of the tables, and one for each part. */
export const DATABASE_ROLES = ['postgres', 'auth_owner', 'api', 'worker', 'ws'] as const
export type DatabaseRole = typeof DATABASE_ROLES[number]

/** A password for each role. */
export type Credentials = Record<DatabaseRole, string>

/**
 * The passwords of the embedded database, made at the first call and kept in `credentials.json`, which only the user
 * who made it can read.
 * @param databaseExists whether a database with these passwords is there already
 * @throws {StartupError} when the file is lost while its database exists, or belongs to somebody else
 */
export function loadCredentials (dataDir: string, databaseExists: boolean): Credentials {
  const path = `${dataDir}/credentials.json`
  if (existsSync(path)) return read(path)
  if (databaseExists) throw new StartupError(`DATA_DIR: ${path} is missing, and without it nobody can sign in to the database beside it; restore it, or remove ${dataDir} to start with an empty database`)
  const credentials = Object.fromEntries(DATABASE_ROLES.map(role => [role, randomBytes(24).toString('base64url')])) as Credentials
  writeFileSync(`${path}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
  return credentials
}

function read (path: string): Credentials {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Credentials
  } catch (err) {
    throw new StartupError(`DATA_DIR: cannot read ${path} (${(err as NodeJS.ErrnoException).code ?? 'not JSON'}); was local mode started by another user before?`)
  }
}
