import { Supervised } from '@fastify-uws-auth/auth-contract'
import { checkConnection, prepareDatabase } from './database.js'
import { connectionString, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js'
import type { PrintLine } from './log-printer.js'
import type { PartDatabases } from './part-environment.js'
import type { LocalModeSettings } from './settings.js'

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
 * @param signal ends the start of an embedded one that is not ready yet
 * @throws {StartupError} when there is no database to work with
 */
export async function startLocalDatabase ({ DATA_DIR: dataDir, DATABASE_URL: url }: LocalModeSettings, print: PrintLine, signal?: AbortSignal): Promise<LocalDatabase> {
  if (url !== undefined) {
    await checkConnection('DATABASE_URL', url)
    return { ownerUrl: url, urls: { api: url, worker: url, ws: url }, stop: async () => {} }
  }

  let first: EmbeddedPostgres | undefined
  const supervised = new Supervised({
    launch: async giveUp => {
      const started = await startEmbeddedPostgres({ dataDir, port: first?.port, onMessage: line => print(line, 'stderr'), giveUp })
      first ??= started
      return started
    },
    onCrash: (reason, ms) => print(`ended (${reason}); starting it again in ${ms / 1000} s`, 'stderr')
  })
  const stop = () => supervised.stop()
  signal?.addEventListener('abort', stop, { once: true })
  await supervised.start().finally(() => signal?.removeEventListener('abort', stop))
  const { adminUrl, port, credentials } = first!
  try {
    await prepareDatabase(adminUrl, DATABASE_NAME, credentials)
  } catch (err) {
    await stop()
    throw err
  }
  const urlOf = (role: keyof typeof credentials) => connectionString(credentials, role, port, DATABASE_NAME)
  return {
    ownerUrl: urlOf('auth_owner'),
    urls: { api: urlOf('api'), worker: urlOf('worker'), ws: urlOf('ws') },
    stop
  }
}
