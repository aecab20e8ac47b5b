import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { StartupError, Supervised } from '@fastify-uws-auth/auth-contract'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { checkSettings } from './check-settings.js'
import { takeLock, type LockFile } from './lock-file.js'
import { createLogPrinters } from './log-printer.js'
import { startLocalDatabase, type LocalDatabase } from './local-database.js'
import { makeMissingKeys } from './missing-keys.js'
import { startPart } from './part.js'
import { partEnvironments, type PartDatabases } from './part-environment.js'
import { checkPortIsFree } from './ports.js'
import { PROJECT_FOLDER } from './project-folder.js'
import { metricsPorts, type LocalModeSettings } from './settings.js'
import { stopTimes } from './stop-times.js'

/** The settings are checked before there is a database. */
const PLACEHOLDERS: PartDatabases = { api: 'postgres://localhost', worker: 'postgres://localhost', ws: 'postgres://localhost' }

// Otherwise garbage is left under load until the API's heap has up to four times the size of what is in use, and it stays so.
const NODE_FLAGS = { api: ['--max-semi-space-size=8', '--heap-growing-percent=50'], worker: [], ws: [] }

/** The programs of the parts, relative to the project folder. */
export interface PartScripts { worker: string, api: string, ws: string }

export interface LocalModeOptions {
  settings: LocalModeSettings
  env: NodeJS.ProcessEnv
  scripts: PartScripts
  /** Called when every part is ready, with the API's environment. */
  onReady: (api: NodeJS.ProcessEnv) => void
  /** Stops everything. */
  signal: AbortSignal
}

/**
 * Runs the database, the worker, the API and the socket server until `signal` aborts, and resolves when nothing of
 * them is left. What crashes later is started again; what fails at the first start ends everything.
 * @throws {StartupError} after everything is stopped
 */
export async function runLocalMode ({ settings, env, scripts, onReady, signal }: LocalModeOptions): Promise<void> {
  const print = createLogPrinters(['postgres', 'worker', 'api', 'ws'])
  let lock: LockFile | undefined
  let database: LocalDatabase | undefined
  let keys: Promise<void> | undefined
  const parts: Supervised[] = []
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  stopped.catch(() => {})

  try {
    checkSettings(partEnvironments(settings, env, PLACEHOLDERS))
    // With a database of one's own there is nothing in DATA_DIR that two could not share.
    if (settings.DATABASE_URL === undefined) lock = lockDataDir(settings.DATA_DIR)
    await checkPortIsFree('API_PORT', settings.HOST, settings.API_PORT)
    await checkPortIsFree('WS_PORT', settings.HOST, settings.WS_PORT)
    for (const port of metricsPorts(settings)) await checkPortIsFree('METRICS_PORT', settings.HOST, port)
    keys = makeMissingKeys(settings.KEYS_DIR)
    keys.catch(() => {})
    database = await startLocalDatabase(settings, print.postgres, signal)
    await keys                                        // before anything is changed that was there
    signal.throwIfAborted()
    await migrate(database.ownerUrl).catch((err: NodeJS.ErrnoException) => {
      throw new StartupError(`DATABASE_URL: cannot migrate the database (${err.code ?? 'error'}: ${err.message})`)
    })
    signal.throwIfAborted()

    const environments = partEnvironments(settings, env, database.urls)
    const stopWithinMs = stopTimes(environments)
    const starting = (['worker', 'api', 'ws'] as const).map(name => {
      const part = new Supervised({
        launch: giveUp => startPart({ script: path.resolve(PROJECT_FOLDER, scripts[name]), nodeFlags: NODE_FLAGS[name], env: environments[name], cwd: PROJECT_FOLDER, stopWithinMs: stopWithinMs[name], onLine: print[name] }, giveUp),
        onCrash: (reason, ms) => print[name](`ended (${reason}); starting it again in ${ms / 1000} s`, 'stderr')
      })
      parts.push(part)
      return part.start().catch((err: Error) => {
        throw new StartupError(`${name} ended while starting (${err.message}); the lines that begin with "${name}" say why`)
      })
    })
    await Promise.race([Promise.all(starting), stopped])
    onReady(environments.api)
    await stopped
  } catch (err) {
    if (!signal.aborted) throw err
  } finally {
    // The database goes last, so that the parts can finish what they are doing.
    await Promise.all(parts.map(part => part.stop()))
    await database?.stop()
    await keys?.catch(() => {})
    lock?.release()
  }
}

function lockDataDir (dataDir: string): LockFile {
  let outcome: ReturnType<typeof takeLock>
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    outcome = takeLock(path.join(dataDir, 'local-mode.lock'))
  } catch (err) {
    throw new StartupError(`DATA_DIR: cannot write to ${dataDir} (${(err as NodeJS.ErrnoException).code}); was local mode started by another user before?`)
  }
  if ('holder' in outcome) throw new StartupError(`DATA_DIR: local mode runs on ${dataDir} already (process ${outcome.holder.pid}); stop that first, or choose another DATA_DIR`)
  return outcome.lock
}
