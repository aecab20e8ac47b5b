const INTERRUPTED = new Error('interrupted')

/** Where a bench says how what it started is taken down again; a test's `t` has the same form. */
export interface Teardown { teardown: (handler?: () => unknown) => void }

/**
 * Runs a bench and takes down what it started, last first, however it ends, Ctrl-C and SIGTERM included. A failure is
 * thrown on afterwards.
 */
export async function withTeardown (work: (t: Teardown) => Promise<void>): Promise<void> {
  const handlers: Array<() => unknown> = []
  const { promise: interrupted, stop } = untilInterrupted()
  try {
    await Promise.race([work({ teardown: handler => { handlers.push(handler!) } }), interrupted])
  } catch (err) {
    if (err !== INTERRUPTED) throw err
  } finally {
    for (const handler of handlers.reverse()) {
      await Promise.resolve().then(handler).catch((err: unknown) => process.stderr.write(`while taking down: ${String(err)}\n`))
    }
    stop()
  }
}

function untilInterrupted (): { promise: Promise<never>, stop: () => void } {
  let listener = () => {}
  const promise = new Promise<never>((_resolve, reject) => {
    listener = () => {
      process.stderr.write('interrupted\n')
      process.exitCode = 1
      reject(INTERRUPTED)
    }
  })
  process.on('SIGINT', listener).on('SIGTERM', listener)
  return { promise, stop: () => process.off('SIGINT', listener).off('SIGTERM', listener) }
}
