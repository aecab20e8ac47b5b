import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { POSTGRES_ENV } from './postgres-cluster.js'
import { lendFolder, type PostgresUser } from './postgres-user.js'

// PostgreSQL becomes the process that node knows, and a watcher, which is nobody's child, reads a pipe that only this
// process holds. The pipe ends with this process, even by SIGKILL, and then the watcher stops PostgreSQL. A line
// instead of the end means that PostgreSQL is gone and its number may soon be somebody else's.
const WATCHED = '( ( read -r _ <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec "$0" "$@" 3<&-'

const FAST_SHUTDOWN_MS = 2500
const IMMEDIATE_SHUTDOWN_MS = 500

const FIXED_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements hold password hashes and, when roles are made, passwords.
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_min_messages: 'log',
  log_line_prefix: ''
}

export interface PostgresServerOptions {
  folder: string
  binaries: string
  user: PostgresUser
  port: number
  settings: Readonly<Record<string, string>>
  /** Called with each line that tells of trouble. */
  onMessage: (line: string) => void
  giveUp: AbortSignal
}

/** PostgreSQL did not come up; the message is its own last line about it. */
export class PostgresServerError extends Error {
  override readonly name = 'PostgresServerError'
}

export interface PostgresServer {
  /** Resolves with how it ended, whether asked to or not. */
  exited: Promise<string>
  /** Resolves when it has ended: politely if that takes 2.5 s at most. */
  stop (): Promise<void>
}

/**
 * Starts PostgreSQL in a process group of its own and resolves when it accepts connections.
 * @throws {PostgresServerError} when it ends instead, because it cannot run or was asked to give up
 */
export async function startPostgresServer ({ folder, binaries, user, port, settings, onMessage, giveUp }: PostgresServerOptions): Promise<PostgresServer> {
  giveUp.throwIfAborted()
  const options = Object.entries({ ...settings, ...FIXED_SETTINGS }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = lendFolder(folder, user, (dataPath, descriptor) => spawn('/bin/sh',
    ['-c', WATCHED, path.join(binaries, 'bin/postgres'), '-D', dataPath, '-p', String(port), ...options],
    { uid: user.uid, gid: user.gid, cwd: '/', env: POSTGRES_ENV, detached: true, stdio: ['ignore', 'ignore', 'pipe', 'pipe', descriptor] }))
  const watcher = (child.stdio[3] as Writable).on('error', () => {})

  const exited = new Promise<string>(resolve => {
    child.once('error', err => resolve(err.message))
    child.once('exit', (code, signal) => {
      watcher.end('\n')
      resolve(signal ?? `exit code ${code}`)
    })
  })
  const stop = () => stopServer(child, exited)
  // After a crash it may have much to read again before it is ready.
  giveUp.addEventListener('abort', stop, { once: true })
  await untilReady(child, onMessage, exited).finally(() => giveUp.removeEventListener('abort', stop))
  return { exited, stop }
}

async function untilReady (child: ChildProcess, onMessage: (line: string) => void, exited: Promise<string>): Promise<void> {
  let complaint = ''
  const lines = createInterface({ input: child.stderr! })
  const ready = new Promise<'ready'>(resolve => {
    lines.on('line', line => {
      if (line.includes('ready to accept connections')) resolve('ready')
      if (/^(FATAL|PANIC): |Address already in use/.test(line)) {
        complaint ||= line.replace(/^[A-Z]+: +/, '')
        onMessage(line)
      }
    })
  })
  const closed = new Promise(resolve => lines.once('close', resolve))
  const reason = await Promise.race([ready, exited])
  if (reason === 'ready') return
  await closed
  throw new PostgresServerError(complaint || reason)
}

async function stopServer (child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGINT')
  const immediate = setTimeout(() => child.kill('SIGQUIT'), FAST_SHUTDOWN_MS)
  const forced = setTimeout(() => child.kill('SIGKILL'), FAST_SHUTDOWN_MS + IMMEDIATE_SHUTDOWN_MS)
  await exited
  clearTimeout(immediate)
  clearTimeout(forced)
}
