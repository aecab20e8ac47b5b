import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** CPU time of processes since their start, all threads, user and system, in microseconds; exact to 10 ms. */
export function cpuMicroseconds (pids: readonly number[]): number {
  return sum(pids, pid => {
    // The name, which may hold anything, ends with the last bracket; utime and stime are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 1e6 / TICKS_PER_SECOND
  })
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
