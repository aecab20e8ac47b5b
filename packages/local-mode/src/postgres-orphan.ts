import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import { processIdentity } from './process-identity.js'

const PATIENCE_MS = 10_000

/**
 * Stops a PostgreSQL that outlived whoever started it, or waits until it has stopped by itself.
 * @throws {StartupError} when it does not stop
 */
export async function stopOrphan (folder: string): Promise<void> {
  const pid = readPostmasterPid(folder)
  if (pid === undefined || !worksIn(pid, folder)) return
  const identity = processIdentity(pid)
  if (identity === undefined) return
  process.kill(pid, 'SIGINT')
  for (let waited = 0; processIdentity(pid) === identity; waited += 50) {
    if (waited > PATIENCE_MS) throw new StartupError(`DATA_DIR: a PostgreSQL from an earlier run (process ${pid}) still uses ${folder} and does not stop; end it and start again`)
    await sleep(50)
  }
}

function readPostmasterPid (folder: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path.join(folder, 'postmaster.pid'), 'utf8'), 10) || undefined
  } catch {
    return undefined
  }
}

// The number may belong to an innocent process by now; PostgreSQL is the one that works inside its data folder.
function worksIn (pid: number, folder: string): boolean {
  if (process.platform !== 'linux') return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(folder)
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)
  } catch {
    return false
  }
}
