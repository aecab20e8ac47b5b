import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const WITHIN_MS = 5000
const run = promisify(execFile)

/**
 * Puts every thread of a process, and so those it starts later, under SCHED_IDLE, sched(7): they run when nothing else on
 * their core wants to. The process stays in the session and control group of this one: where the kernel shares the time
 * between those first, it takes the time that this process leaves, and another busy program does not stop it.
 * @throws {Error} when the system cannot
 */
export async function setIdlePriority (pid: number): Promise<void> {
  await run('chrt', ['-a', '-i', '-p', '0', String(pid)], { timeout: WITHIN_MS })
}

/** Whether this system has that priority, and the command for it. */
export async function hasIdlePriority (): Promise<boolean> {
  return await run('sh', ['-c', 'chrt -a -i -p 0 $$'], { timeout: WITHIN_MS }).then(() => true, () => false)
}
