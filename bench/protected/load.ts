import { startChild } from '../harness/child.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import type { Teardown } from '../harness/teardown.js'
import type { ServerUnderTest } from './servers.js'

export interface Job { port: number, path: string, accessTokens: readonly string[], milliseconds: number }

/** Latencies in milliseconds. */
export interface Sample { answered: number, seconds: number, p50: number, p99: number }

export interface Result {
  perSecond: number
  p50: number
  p99: number
  /** CPU time of the server's process for each answer, in microseconds. */
  cpu: number
  /** Share of the time in which the server's process was computing: about 1, or the client was the slower one. */
  busy: number
}

/** @returns asks a server for `milliseconds`, as fast as it answers; rejects when one answer is not 200 */
export function startLoad (t: Teardown, accessTokens: readonly string[]): (server: ServerUnderTest, milliseconds: number) => Promise<Result> {
  const { ask } = startChild<Sample>(t, new URL('load-process.ts', import.meta.url))
  return async ({ port, path, pid }, milliseconds) => {
    const before = cpuMicroseconds([pid])
    const { answered, seconds, p50, p99 } = await ask({ port, path, accessTokens, milliseconds } satisfies Job)
    const cpu = cpuMicroseconds([pid]) - before
    return { perSecond: answered / seconds, p50, p99, cpu: cpu / answered, busy: cpu / 1e6 / seconds }
  }
}
