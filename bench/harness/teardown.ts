import { setTimeout as sleep } from 'node:timers/promises'
import { checkInterrupt, interrupt, listenForInterrupts, type Interrupted } from './interrupt.js'

/** For work to notice that what it uses is gone, and for what it was just starting to be taken down as well. */
const NOTICE_MS = 1000

/** How each that runs is abandoned, the outermost first. */
const running: Array<() => void> = []
interrupt.addEventListener('abort', () => running.at(-1)?.())

/** Where a bench says how what it started is taken down again; a test's `t` has the same form. */
export interface Teardown { teardown: (handler?: () => unknown) => void }

/**
 * Runs a bench, or a part of one within it, and takes down what it started, last first, however it ends. A failure is
 * thrown on afterwards. Ctrl-C and SIGTERM abandon the innermost and throw `Interrupted` through the others, each of which
 * takes down its own; the outermost then ends the process, so that nothing after it runs. What is given to `teardown` after
 * the interrupt is run as well, and `teardown` throws to whoever gives it.
 */
export async function withTeardown (work: (t: Teardown) => Promise<void>): Promise<void> {
  interrupt.throwIfAborted()
  const handlers: Array<() => unknown> = []
  const stopListening = listenForInterrupts()
  const abandoned = new Promise<never>((_resolve, reject) => { running.push(() => reject(interrupt.reason)) })
  const worked = work({
    teardown (handler) {
      handlers.push(handler!)
      interrupt.throwIfAborted()
    }
  })
  try {
    await Promise.race([worked, abandoned])
  } catch (err) {
    // A child that ends by the same Ctrl-C may be heard of before it.
    await checkInterrupt()
    throw err
  } finally {
    await takeDown(handlers)
    if (interrupt.aborted) {
      await Promise.race([worked.catch(() => {}), sleep(NOTICE_MS)])
      await takeDown(handlers)
    }
    stopListening()
    running.pop()
    if (interrupt.aborted && running.length === 0) process.exit((interrupt.reason as Interrupted).exitCode)
  }
  interrupt.throwIfAborted()                          // it came while a finished one was taken down
}

async function takeDown (handlers: Array<() => unknown>): Promise<void> {
  for (let handler = handlers.pop(); handler !== undefined; handler = handlers.pop()) {
    await Promise.resolve().then(handler).catch((err: unknown) => process.stderr.write(`while taking down: ${String(err)}\n`))
  }
}
