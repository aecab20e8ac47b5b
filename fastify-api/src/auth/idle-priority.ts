import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const WITHIN_MS = 5000
/** A nice value. */
const LEAST_SHARE = '19'
const run = promisify(execFile)

/**
 * Puts every thread of a process, and so those it starts later, under SCHED_IDLE, sched(7): they run when nothing else on
 * their core wants to. Where the kernel shares the time between sessions first, that of this process gets the least.
 * @param pid of a process with a session of its own
 * @throws {Error} when the system cannot
 */
export async function setIdlePriority (pid: number): Promise<void> {
  await run('chrt', ['-a', '-i', '-p', '0', String(pid)], { timeout: WITHIN_MS })
  await writeFile(`/proc/${pid}/autogroup`, LEAST_SHARE).catch(() => {})     // a kernel without autogroups needs none
}

/** Whether this system has that priority, and the command for it. */
export async function hasIdlePriority (): Promise<boolean> {
  return await run('sh', ['-c', 'chrt -a -i -p 0 $$'], { timeout: WITHIN_MS }).then(() => true, () => false)
}
