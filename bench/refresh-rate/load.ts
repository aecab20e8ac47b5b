import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Teardown } from '../harness/teardown.js'
import type { RefreshTarget } from '../peers/peer.js'

/** In milliseconds. */
export interface Latencies { p50: number, p99: number }

export interface Load { done: number, perSecond: number, latencies: Latencies }

/** @returns lets the clients refresh, one for each token, for that many milliseconds; rejects when one is refused */
export function startRefreshLoad (t: Teardown, target: RefreshTarget): (milliseconds: number) => Promise<Load> {
  const { tell, ask } = startChild(t, 'refresh-load.ts', [])
  tell({ target })
  return async milliseconds => await ask({ milliseconds }) as Load
}

/** A process that signs with a private key, on all cores, for that many milliseconds; resolves with how often a second. */
export function startRawSigning (t: Teardown, privateKeyPath: string): { pid: number, sign: (milliseconds: number) => Promise<number> } {
  const { pid, ask } = startChild(t, 'raw-signing.ts', [privateKeyPath])
  return { pid, sign: async milliseconds => await ask(milliseconds) as number }
}

function startChild (t: Teardown, script: string, args: string[]): { pid: number, tell: (message: object) => void, ask: (message: object | number) => Promise<unknown> } {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: ['--import', 'tsx'] })
  const ended = once(child, 'exit').then(() => { throw new Error(`${script} ended`) })
  ended.catch(() => {})
  t.teardown(() => child.kill())
  const ask = async (message: object | number) => {
    child.send(message)
    const [answer] = await Promise.race([once(child, 'message'), ended])
    return answer as unknown
  }
  return { pid: child.pid!, tell: message => { child.send(message) }, ask }
}
