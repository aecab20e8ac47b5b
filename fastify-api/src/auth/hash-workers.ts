import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import { HashProcessWorker } from './hash-process-worker.js'
import { createThreadWorkers, type HashWorker } from './hash-worker.js'
import { hasIdlePriority } from './idle-priority.js'

const MAXIMUM_PROCESSES = 4
/** libuv has four threads by default. One stays free for signatures, files and names. */
const MAXIMUM_THREADS = 3

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
