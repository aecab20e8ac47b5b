import { startChild } from '../harness/child.js'
import type { Teardown } from '../harness/teardown.js'

/** Requests a second, sent at their time whether earlier ones have been answered or not. */
export interface Rates { refresh: number, protected: number, login: number }

/** What was answered; latencies in milliseconds from the time at which the request was due. */
export interface Answers {
  refresh: number[]
  protected: number[]
  /** Logins, from the time at which the queue is full. */
  acceptedPerSecond: number
  /** Latencies of logins answered `overloaded`. */
  refusals: number[]
  /** Any other answer or none. */
  others: number
}

/** Clients in a process of their own, so that their work does not hide in the server's. @returns sends so much for so long */
export async function startLoad (t: Teardown, url: string): Promise<(rates: Rates, seconds: number) => Promise<Answers>> {
  const { ask } = startChild<Answers>(t, new URL('load-process.ts', import.meta.url), [url])
  await ask({ prepare: true })
  return (rates, seconds) => ask({ rates, seconds })
}
