import { readFileSync } from 'node:fs'
import { processTree } from '../../system-test/fixtures/process-tree.js'

const TICKS_PER_SECOND = 100

/** CPU time of a process, of all that it has started and of what of those has ended, in seconds; of each exact to 10 ms. */
export function treeCpuSeconds (root: number): number {
  return processTree(root).reduce((total, { pid }) => {
    const { own, ofEndedChildren } = cpuSeconds(pid)
    return total + own + ofEndedChildren
  }, 0)
}

/** CPU time of the children of this process that have ended, and of theirs, in seconds, exact to 10 ms. */
export function endedChildrenCpuSeconds (): number {
  return cpuSeconds('self').ofEndedChildren
}

function cpuSeconds (pid: number | 'self'): { own: number, ofEndedChildren: number } {
  try {
    // utime, stime, cutime and cstime are fields 14 to 17; the name, which may hold anything, ends with the last bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    const [user, system, childUser, childSystem] = fields.slice(11, 15).map(ticks => Number(ticks) / TICKS_PER_SECOND) as [number, number, number, number]
    return { own: user + system, ofEndedChildren: childUser + childSystem }
  } catch {
    return { own: 0, ofEndedChildren: 0 }               // it ended while we looked
  }
}
