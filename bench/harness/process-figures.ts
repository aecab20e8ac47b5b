import { readFileSync } from 'node:fs'
import { processTree } from '../../system-test/fixtures/process-tree.js'

const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** CPU time of processes since their start, all threads, user and system, in microseconds; exact to 10 ms. */
export function cpuMicroseconds (pids: readonly number[]): number {
  return sum(pids, pid => cpuTimes(pid).own)
}

/** The same of a process and all that it has started, those included that have ended: of PostgreSQL by its postmaster. */
export function cpuMicrosecondsOfTree (root: number): number {
  return sum(processTree(root).map(({ pid }) => pid), pid => {
    try {
      const { own, ended } = cpuTimes(pid)
      return own + ended
    } catch {
      return 0                                        // it has just ended; its parent counts it from now on
    }
  })
}

/** The same of the children of this process that have ended, and of theirs. */
export function cpuMicrosecondsOfEndedChildren (): number {
  return cpuTimes(process.pid).ended
}

function cpuTimes (pid: number): { own: number, ended: number } {
  // The name, which may hold anything, ends with the last bracket; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ').map(Number)
  const microseconds = (ticks: number) => ticks * 1e6 / TICKS_PER_SECOND
  return { own: microseconds(fields[11]! + fields[12]!), ended: microseconds(fields[13]! + fields[14]!) }
}

/** Resident memory of processes in bytes. */
export function residentBytes (pids: readonly number[]): number {
  return sum(pids, pid => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024)
}

/** Memory of the kernel for this machine's sockets, both ends: buffers, and the objects that describe them. */
export function kernelSocketBytes (): { buffers: number, objects: number } {
  const buffers = Number(/^TCP: .* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))![1]) * PAGE_BYTES
  const objects = Number(/^Slab:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024
  return { buffers, objects }
}

function sum (pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0)
}
