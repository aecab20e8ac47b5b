import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import { lendFolder, type PostgresUser } from './postgres-user.js'

// Through a pipe the password touches no disk and no argument list. It must be one of the shell's: node's own are
// sockets, which initdb cannot open by name. The watcher ends the whole process group when this process is gone or
// gives up, as postgres-server.ts explains.
const WATCHED = '( ( read -r _ <&3 || kill -s KILL -- "-$$" ) >/dev/null 2>&1 & ); cat | "$0" "$@" 3<&-'

/** What PostgreSQL's programs see of our environment: nothing that could change what they do. */
export const POSTGRES_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C' }

/**
 * True when a PostgreSQL data folder is there.
 * @throws {StartupError} when it belongs to another user
 */
export function clusterExists (folder: string): boolean {
  try {
    readFileSync(path.join(folder, 'PG_VERSION'))
    return true
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    throw new StartupError(`DATA_DIR: cannot read ${folder} (${code}); was local mode started by another user before?`)
  }
}

export interface NewCluster {
  folder: string
  binaries: string
  user: PostgresUser
  /** The password of the superuser `postgres`. */
  password: string
  /** False skips waiting for the disk; for data that nobody will miss. */
  durable: boolean
  giveUp: AbortSignal
}

/**
 * Makes a data folder, complete or not at all.
 * @throws {StartupError} with the last line of initdb, or when asked to give up
 */
export async function createCluster ({ folder, binaries, user, password, durable, giveUp }: NewCluster): Promise<void> {
  const draft = `${folder}.new`
  // What an interrupted start left; its initdb may be writing its last file this instant.
  rmSync(draft, { recursive: true, force: true, maxRetries: 5 })
  mkdirSync(draft, { mode: 0o700 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(draft, user.uid, user.gid)

  giveUp.throwIfAborted()
  const initdb = lendFolder(draft, user, (dataPath, descriptor) => spawn('/bin/sh', ['-c', WATCHED, path.join(binaries, 'bin/initdb'),
    '-D', dataPath, '-U', 'postgres', '--auth=scram-sha-256', '--pwfile=/dev/stdin', '--encoding=UTF8', '--locale=C', ...durable ? [] : ['--no-sync']
  ], { uid: user.uid, gid: user.gid, cwd: '/', env: POSTGRES_ENV, detached: true, stdio: ['pipe', 'ignore', 'pipe', 'pipe', descriptor] }))
  const watcher = (initdb.stdio[3] as Writable).on('error', () => {})
  const abandon = () => watcher.end()
  giveUp.addEventListener('abort', abandon, { once: true })
  initdb.stdin!.on('error', () => {}).end(`${password}\n`)
  const [complaint, [status]] = await Promise.all([text(initdb.stderr!), once(initdb, 'exit') as Promise<[number | null]>])
  giveUp.removeEventListener('abort', abandon)
  watcher.end('\n')
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true, maxRetries: 5 })
    throw new StartupError(`PostgreSQL's data folder could not be made (${complaint.trim().split('\n').at(-1)}); set DATABASE_URL to use a PostgreSQL of your own`)
  }
  renameSync(draft, folder)
}
