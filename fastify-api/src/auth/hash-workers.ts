import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import { AT_IDLE_PRIORITY, HashProcessWorker } from './hash-process-worker.js'
import { createThreadWorkers, type HashWorker } from './hash-worker.js'

const MAXIMUM_PROCESSES = 4
/** libuv has four threads by default. One stays free for signatures, files and names. */
const MAXIMUM_THREADS = 3
const PROBE_WITHIN_MS = 2000

/**
 * Starts one hash process of idle priority for each core, four at most, where the system can run them: Linux with the
 * command `chrt`. Elsewhere threads of this process hash, fewer than there are, so that signing never waits behind them.
 */
export async function startHashWorkers (log: Pick<Logger, 'info' | 'error'>): Promise<HashWorker[]> {
  if (await hasIdlePriority()) {
    return await Promise.all(Array.from({ length: Math.min(availableParallelism(), MAXIMUM_PROCESSES) }, () => HashProcessWorker.start(log)))
  }
  log.info('no idle priority here (chrt): passwords are hashed in the threads of this process')
  return createThreadWorkers(Math.max(1, Math.min(availableParallelism() - 1, MAXIMUM_THREADS)))
}

async function hasIdlePriority (): Promise<boolean> {
  const [command, ...options] = AT_IDLE_PRIORITY
  return await promisify(execFile)(command, [...options, 'true'], { timeout: PROBE_WITHIN_MS }).then(() => true, () => false)
}
