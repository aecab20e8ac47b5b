import type { ChildProcess } from 'node:child_process'
import type { Running } from './supervised.js'

/**
 * Resolves when a child has called `announceReady`.
 * @param giveUp stops one that is not ready yet
 * @throws {Error} with how it ended, when that comes first
 */
export async function awaitReady (child: ChildProcess, running: Running, giveUp: AbortSignal): Promise<void> {
  const ready = new Promise<'ready'>(resolve => child.on('message', message => { if (message === 'ready') resolve('ready') }))
  const stop = () => running.stop()
  giveUp.addEventListener('abort', stop, { once: true })
  try {
    const outcome = await Promise.race([ready, running.exited])
    if (outcome !== 'ready') throw new Error(outcome)
  } finally {
    giveUp.removeEventListener('abort', stop)
  }
}

export interface StopOptions {
  exited: Promise<unknown>
  /** After this many milliseconds it is killed. */
  withinMs: number
  kill?: () => void
}

/** Asks a child to stop, kills it when it does not, and resolves when it is gone. */
export async function stopChild (child: ChildProcess, { exited, withinMs, kill = () => child.kill('SIGKILL') }: StopOptions): Promise<void> {
  child.kill('SIGTERM')
  const force = setTimeout(kill, withinMs)
  await exited
  clearTimeout(force)
}
