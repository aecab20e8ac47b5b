import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds of CPU time that each thread has had, by its id. */
export type ThreadTimes = Map<number, number>

/** Of all threads of some processes. The scheduler knows them exactly, where `/proc/<pid>/stat` counts in steps of 10 ms. */
export function threadTimesOf (pids: readonly number[]): ThreadTimes {
  const times: ThreadTimes = new Map()
  for (const pid of pids) {
    for (const thread of unlessEnded(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const figures = unlessEnded(() => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'))
      if (figures !== undefined) times.set(Number(thread), Number(figures.split(' ')[0]) / 1000)
    }
  }
  return times
}

/** What the threads that live now have had since then; those that have ended meanwhile are left out. */
export function timeBetween (before: ThreadTimes, after: ThreadTimes): number {
  return [...after].reduce((sum, [thread, time]) => sum + time - (before.get(thread) ?? 0), 0)
}

function unlessEnded<Result> (read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
