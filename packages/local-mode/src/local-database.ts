import { prepareDatabase } from './database.js'
import { connectionString, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js'
import type { PrintLine } from './log-printer.js'
import type { PartDatabases } from './part-environment.js'
import type { LocalModeSettings } from './settings.js'
import { Supervised } from './supervised.js'

/** Name of the application's database in the embedded PostgreSQL. */
export const DATABASE_NAME = 'auth'

export interface LocalDatabase {
  /** Connection string of the role that owns the tables. */
  ownerUrl: string
  urls: PartDatabases
  stop (): Promise<void>
}

/**
 * The database of local mode: the one of DATABASE_URL, or an embedded PostgreSQL that is started again on the same
 * port when it crashes.
 * @throws {StartupError} when the embedded one cannot run
 */
export async function startLocalDatabase ({ DATA_DIR: dataDir, DATABASE_URL: url }: LocalModeSettings, print: PrintLine): Promise<LocalDatabase> {
  if (url !== undefined) return { ownerUrl: url, urls: { api: url, worker: url, ws: url }, stop: async () => {} }

  let first: EmbeddedPostgres | undefined
  const supervised = new Supervised({
    launch: async () => {
      const started = await startEmbeddedPostgres({ dataDir, port: first?.port, onMessage: line => print(line, 'stderr') })
      first ??= started
      return started
    },
    onCrash: (reason, ms) => print(`ended (${reason}); starting it again in ${ms / 1000} s`, 'stderr')
  })
  await supervised.start()
  const { adminUrl, port, credentials } = first!
  try {
    await prepareDatabase(adminUrl, DATABASE_NAME, credentials)
  } catch (err) {
    await supervised.stop()
    throw err
  }
  const urlOf = (role: keyof typeof credentials) => connectionString(credentials, role, port, DATABASE_NAME)
  return {
    ownerUrl: urlOf('auth_owner'),
    urls: { api: urlOf('api'), worker: urlOf('worker'), ws: urlOf('ws') },
    stop: () => supervised.stop()
  }
}
