import { constants } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'

const controller = new AbortController()

/** What is thrown wherever a bench is when it is interrupted. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** As a shell counts it: 130 for Ctrl-C, 143 for SIGTERM. */
  readonly exitCode: number

  constructor (signal: NodeJS.Signals) {
    super('interrupted')
    this.exitCode = 128 + constants.signals[signal]
  }
}

/** Aborted by the first Ctrl-C or SIGTERM that is listened for, with an `Interrupted`; for the whole process and for good. */
export const interrupt: AbortSignal = controller.signal

/** Makes Ctrl-C and SIGTERM abort `interrupt` instead of ending the process. @returns ends that; those who listen may overlap */
export function listenForInterrupts (): () => void {
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
}

/** Lets a signal in that came while nothing was waited for. @throws {Interrupted} from the interrupt on */
export async function checkInterrupt (): Promise<void> {
  // The first turn may be the one that has read its events already.
  await turn()
  await turn()
  interrupt.throwIfAborted()
}

function onSignal (signal: NodeJS.Signals): void {
  if (interrupt.aborted) return                       // npm sends on what the terminal has sent to all
  process.stderr.write('interrupted\n')
  // What still runs is about to lose what it works with; how it fails says nothing.
  for (const failure of ['unhandledRejection', 'rejectionHandled', 'uncaughtException']) process.on(failure, () => {})
  controller.abort(new Interrupted(signal))
}
