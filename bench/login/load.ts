import { startChild } from '../harness/child.js'
import type { Teardown } from '../harness/teardown.js'
import type { SignInTarget } from '../peers/peer.js'

export interface Load { done: number, perSecond: number }

/** @returns lets clients sign in for that many milliseconds; rejects when one is refused */
export function startSignInLoad (t: Teardown, target: SignInTarget): (milliseconds: number) => Promise<Load> {
  const { tell, ask } = startChild<Load>(t, new URL('sign-in-load.ts', import.meta.url))
  tell({ target })
  return milliseconds => ask({ milliseconds })
}

/** A process that verifies passwords on all cores, and nothing else, for that many milliseconds. */
export function startRawHashing (t: Teardown, algorithm: 'bcrypt' | 'argon2id', bcryptCost: number): { pid: number, run: (milliseconds: number) => Promise<Load> } {
  const { pid, ask } = startChild<Load>(t, new URL('hash-load.ts', import.meta.url), [algorithm, String(bcryptCost)])
  return { pid, run: milliseconds => ask({ milliseconds }) }
}
