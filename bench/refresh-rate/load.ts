import { startChild } from '../harness/child.js'
import type { Teardown } from '../harness/teardown.js'
import type { RefreshTarget } from '../peers/peer.js'

/** In milliseconds. */
export interface Latencies { p50: number, p99: number }

export interface Load { done: number, perSecond: number, latencies: Latencies }

/** @returns lets the clients refresh, one for each token, for that many milliseconds; rejects when one is refused */
export function startRefreshLoad (t: Teardown, target: RefreshTarget): (milliseconds: number) => Promise<Load> {
  const { tell, ask } = startChild<Load>(t, new URL('refresh-load.ts', import.meta.url))
  tell({ target })
  return milliseconds => ask({ milliseconds })
}

/** A process that signs with a private key, on all cores, for that many milliseconds; resolves with how often a second. */
export function startRawSigning (t: Teardown, privateKeyPath: string): { pid: number, sign: (milliseconds: number) => Promise<number> } {
  const { pid, ask } = startChild<number>(t, new URL('raw-signing.ts', import.meta.url), [privateKeyPath])
  return { pid, sign: milliseconds => ask({ milliseconds }) }
}
