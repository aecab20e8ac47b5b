import path from 'node:path'
import { exitOnStartupError, StartupError } from '@fastify-uws-auth/auth-contract'
import { runAdmin } from '@fastify-uws-auth/fastify-api/admin'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { connectionString, findRunningPostgres, hasPostgres } from './embedded-postgres.js'
import { DATABASE_NAME, startLocalDatabase } from './local-database.js'
import { createLogPrinters } from './log-printer.js'
import { loadLocalModeSettings, type LocalModeSettings } from './settings.js'

async function main (): Promise<void> {
  const settings = loadLocalModeSettings(process.env)
  const env = { ...process.env, PASSWORD_PEPPER_PATH: process.env['PASSWORD_PEPPER_PATH'] || path.join(settings.KEYS_DIR, 'password.pepper') }
  process.exitCode = await runAdmin(process.argv.slice(2), { withDatabase: work => withDatabase(settings, work), env })
}

/** The database of DATABASE_URL, or of a running local mode, or the embedded one, when there is one, started for as long as `work` takes. */
async function withDatabase (settings: LocalModeSettings, work: (connectionString: string) => Promise<number>): Promise<number> {
  if (settings.DATABASE_URL !== undefined) return await work(settings.DATABASE_URL)
  const running = findRunningPostgres(settings.DATA_DIR)
  if (running) return await work(connectionString(running.credentials, 'auth_owner', running.port, DATABASE_NAME))
  // In the wrong folder an empty database would answer, and nobody would be in it.
  if (!hasPostgres(settings.DATA_DIR)) throw new StartupError(`DATA_DIR: there is no local database in ${settings.DATA_DIR}; ./start.sh makes one`)

  const database = await startLocalDatabase(settings, createLogPrinters(['postgres']).postgres)
  try {
    await migrate(database.ownerUrl)
    return await work(database.ownerUrl)
  } finally {
    await database.stop()
  }
}

main().catch(exitOnStartupError('admin'))
