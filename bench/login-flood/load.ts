import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Teardown } from '../harness/teardown.js'

/** Requests a second, sent at their time whether earlier ones have been answered or not. */
export interface Rates { refresh: number, protected: number, login: number }

/** What was answered; latencies in milliseconds from the time at which the request was due. */
export interface Sample {
  seconds: number
  refresh: number[]
  protected: number[]
  accepted: number
  /** Latencies of logins answered `overloaded`. */
  refusals: number[]
  /** Any other answer or none. */
  others: number
}

export interface Load { run: (rates: Rates, seconds: number) => Promise<Sample>, end: () => void }

/** Clients in a process of their own, so that their work does not hide in the server's. */
export async function startLoad (t: Teardown, url: string): Promise<Load> {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), [url], { execArgv: ['--import', 'tsx'] })
  t.teardown(() => child.kill())
  await once(child, 'message')
  return {
    async run (rates, seconds) {
      child.send({ rates, seconds })
      const [sample] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => { throw new Error('the load process ended') })])
      return sample as Sample
    },
    end: () => child.disconnect()
  }
}
