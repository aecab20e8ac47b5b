import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'

/**
 * Runs `close` once on SIGTERM, SIGINT, an uncaught error, or when the process that started this one is gone, and
 * then exits. An uncaught error exits non-zero, so that a supervisor starts the part anew.
 * @param graceMs after this many milliseconds the process exits whatever `close` is doing
 */
export function closeOnSignal (log: Logger, graceMs: number, close: () => Promise<void>): void {
  const { close: closeNow } = closeWithGrace({ delay: graceMs, logger: false }, async ({ signal, err }) => {
    if (err) log.fatal({ err }, 'stopping after an uncaught error')
    else log.info({ signal }, 'stopping')
    await close().catch((err: unknown) => {
      log.error({ err }, 'stopping failed')
      throw err
    })
  })
  // Started with an IPC channel: its end means that the parent died without a chance to stop us.
  process.once('disconnect', () => closeNow())
}

/** Tells the process that started this one, if there is one, that requests are answered from now on. */
export function announceReady (): void {
  process.send?.('ready')
}
