import { readFileSync } from 'node:fs'

/** Of one process, in MB. */
export interface ProcessMemory {
  /** All pages in memory, those of programs and libraries that others use as well included. */
  resident: number
  /** Its share: pages that several processes use count for each in part. */
  proportional: number
  /** What would be free if it ended. */
  unshared: number
}

/** Memory of a process as the kernel counts it. */
export function processMemory (pid: number): ProcessMemory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (line: RegExp) => Array.from(rollup.matchAll(line), ([, kilobytes]) => Number(kilobytes)).reduce((sum, kilobytes) => sum + kilobytes, 0) / 1024
  return { resident: megabytes(/^Rss: +(\d+) kB/gm), proportional: megabytes(/^Pss: +(\d+) kB/gm), unshared: megabytes(/^Private_\w+: +(\d+) kB/gm) }
}
