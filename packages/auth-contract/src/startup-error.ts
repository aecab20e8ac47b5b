/** Something an operator must put right before the process can run; the message is all they need to read. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
}

/**
 * Ends the process with status 1. A `StartupError` is printed as its sentences alone; anything else with its
 * stack, because it is our mistake.
 */
export function exitOnStartupError (program: string): (err: unknown) => never {
  return err => {
    const lines = err instanceof StartupError ? err.message.split('\n') : [String((err as Error).stack ?? err)]
    for (const line of lines) process.stderr.write(`${program}: ${line}\n`)
    process.exit(1)
  }
}
