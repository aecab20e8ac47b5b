import closeWithGrace from 'close-with-grace'
import { symbols, type Logger } from 'pino'

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * Runs `close` once on SIGTERM, SIGINT, an uncaught error, or when the process that started this one is gone, and
 * then exits. An uncaught error exits non-zero, so that a supervisor starts the part anew.
 * @param graceMs after this many milliseconds the process exits whatever `close` is doing
 */
export function closeOnSignal (log: Logger, graceMs: number, close: () => Promise<void>): void {
  // An IPC channel means a parent that decides how long stopping may take. A terminal's Ctrl-C and a service manager's
  // SIGTERM come once from them and once from it, so the second must not be the one that exits at once.
  const hasParent = process.send !== undefined
  let closing = false
  const { close: closeNow } = closeWithGrace({ delay: graceMs, logger: false, skip: hasParent ? [...STOP_SIGNALS] : [] }, async ({ signal, err }) => {
    closing = true
    if (err) log.fatal({ err }, 'stopping after an uncaught error')
    else log.info({ signal }, 'stopping')
    await close().catch((err: unknown) => {
      log.error({ err }, 'stopping failed')
      throw err
    })
  })
  if (!hasParent) return
  const closeOnce = () => { if (!closing) closeNow() }
  for (const signal of STOP_SIGNALS) process.on(signal, closeOnce)
  // The parent died without a chance to stop us.
  process.once('disconnect', () => {
    closeOnce()
    exitWithoutReader(log)
  })
}

// With the parent may go whoever read the log. What then waits to be written at the exit, the logger would try to write
// into the broken pipe for ever, and the process would stay.
function exitWithoutReader (log: Logger): void {
  const { [symbols.streamSym]: stream } = log as unknown as { [symbols.streamSym]: { flushSync?: () => void } }
  stream.flushSync = () => {}
}

/** Tells the process that started this one, if there is one, that requests are answered from now on. */
export function announceReady (): void {
  process.send?.('ready')
}
