import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const WITHIN_MS = 5000
const run = promisify(execFile)

/**
 * Puts the first thread of a process, and those it starts later, under SCHED_IDLE, sched(7): they run when nothing else on
 * their core wants to.
 * @throws {Error} when the system cannot
 */
export async function setIdlePriority (pid: number): Promise<void> {
  await run('chrt', ['-i', '-p', '0', String(pid)], { timeout: WITHIN_MS })
}

/** Whether this system has that priority, and the command for it. */
export async function hasIdlePriority (): Promise<boolean> {
  return await run('chrt', ['-i', '0', 'true'], { timeout: WITHIN_MS }).then(() => true, () => false)
}
