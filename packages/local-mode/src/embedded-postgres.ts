import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import { loadCredentials, type Credentials } from './credentials.js'
import { readLockHolder, takeLock, type LockFile } from './lock-file.js'
import { findFreePort } from './ports.js'
import { preparePostgresBinaries } from './postgres-binaries.js'
import { clusterExists, createCluster } from './postgres-cluster.js'
import { stopOrphan } from './postgres-orphan.js'
import { PostgresServerError, startPostgresServer, type PostgresServer, type PostgresServerOptions } from './postgres-server.js'
import { choosePostgresUser } from './postgres-user.js'

const ATTEMPT_FOR_MS = 10_000

export interface EmbeddedPostgresOptions {
  /** Folder for the data, the passwords and the lock; made when absent. Absolute. */
  dataDir: string
  /** TCP port on 127.0.0.1; a free one when not given. */
  port?: number
  /** PostgreSQL settings, such as `{ fsync: 'off' }` for data that nobody will miss. */
  settings?: Readonly<Record<string, string>>
  /** Called with each line by which PostgreSQL tells of trouble. */
  onMessage?: (line: string) => void
  /** Ends a start that is not ready yet. */
  giveUp?: AbortSignal
}

export interface EmbeddedPostgres {
  /** Connection string of the superuser, to the database `postgres`. */
  adminUrl: string
  port: number
  credentials: Credentials
  /** Resolves with how PostgreSQL ended, whether asked to or not. */
  exited: Promise<string>
  stop (): Promise<void>
}

/**
 * Runs a real PostgreSQL on 127.0.0.1, with its data in `dataDir/postgres`, kept between runs. Passwords are
 * generated. It does not outlive this process, however this process ends. Root gets it as another user.
 * @throws {StartupError} when another process runs one on the same folder, it cannot run here, or was asked to give up
 */
export async function startEmbeddedPostgres ({ dataDir, port, settings = {}, onMessage = () => {}, giveUp = new AbortController().signal }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const lock = lockFolder(dataDir)
  try {
    const folder = clusterPath(dataDir)
    const exists = clusterExists(folder)
    const credentials = loadCredentials(dataDir, exists)
    const user = choosePostgresUser(folder)
    const binaries = preparePostgresBinaries(dataDir, user)
    if (exists) await stopOrphan(folder)
    else await createCluster({ folder, binaries, user, password: credentials.postgres, durable: settings['fsync'] !== 'off', giveUp })

    const { server, port: actual } = await startPersistently(port, { folder, binaries, user, settings: { max_connections: '100', ...settings }, onMessage, giveUp })
    lock.publishPort(actual)
    const exited = server.exited.finally(() => lock.release())
    return { adminUrl: connectionString(credentials, 'postgres', actual, 'postgres'), port: actual, credentials, exited, stop: () => server.stop() }
  } catch (err) {
    lock.release()
    throw err
  }
}

/**
 * The port and the passwords of the PostgreSQL that another process runs on `dataDir`, if one does.
 */
export function findRunningPostgres (dataDir: string): { port: number, credentials: Credentials } | undefined {
  const port = readLockHolder(lockPath(dataDir))?.port
  return port === undefined ? undefined : { port, credentials: loadCredentials(dataDir, true) }
}

/** Whether `dataDir` holds the data of one. @throws {StartupError} when they belong to another user */
export function hasPostgres (dataDir: string): boolean {
  return clusterExists(clusterPath(dataDir))
}

/** Connection string of a role to a database of the embedded PostgreSQL. */
export function connectionString (credentials: Credentials, role: keyof Credentials, port: number, database: string): string {
  return `postgres://${role}:${encodeURIComponent(credentials[role])}@127.0.0.1:${port}/${database}`
}

function clusterPath (dataDir: string): string {
  return path.join(dataDir, 'postgres')
}

function lockPath (dataDir: string): string {
  return path.join(dataDir, 'postgres.lock')
}

function lockFolder (dataDir: string): LockFile {
  let outcome: ReturnType<typeof takeLock>
  try {
    outcome = takeLock(lockPath(dataDir))
  } catch (err) {
    throw new StartupError(`DATA_DIR: cannot write to ${dataDir} (${(err as NodeJS.ErrnoException).code}); was local mode started by another user before?`)
  }
  if ('holder' in outcome) throw new StartupError(`DATA_DIR: process ${outcome.holder.pid} runs the database in ${dataDir}; stop it first, or choose another DATA_DIR`)
  return outcome.lock
}

// After a crash the last backends hold the shared memory for a moment, and a free port may be taken before we use it.
async function startPersistently (port: number | undefined, options: Omit<PostgresServerOptions, 'port'>): Promise<{ server: PostgresServer, port: number }> {
  const deadline = performance.now() + ATTEMPT_FOR_MS
  for (;;) {
    const attempt = port ?? await findFreePort()
    try {
      return { server: await startPostgresServer({ ...options, port: attempt }), port: attempt }
    } catch (err) {
      if (!(err instanceof PostgresServerError)) throw err
      const passes = err.message.includes('shared memory block') || (port === undefined && err.message.includes('Address already in use'))
      if (!passes || performance.now() > deadline) throw new StartupError(`PostgreSQL did not start on ${options.folder}: ${err.message}`)
      await sleep(100)
    }
  }
}
