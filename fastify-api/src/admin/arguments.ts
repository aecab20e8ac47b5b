import { parseArgs } from 'node:util'
import { AdminError } from './admin-error.js'
import { USAGE } from './usage.js'

/** Reads the words after the command. @throws {AdminError} with the usage, for an option that does not exist */
export function parse (args: string[], options: NonNullable<Parameters<typeof parseArgs>[0]>['options'] = {}) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (err) {
    throw new AdminError(`${(err as Error).message}\n${USAGE}`)
  }
}

/** The only word there may be. @throws {AdminError} with the usage */
export function one (positionals: string[], what: string): string {
  if (positionals.length !== 1) throw new AdminError(`expected exactly one ${what}\n${USAGE}`)
  return positionals[0]!
}

/** Refuses any word. @throws {AdminError} with the usage */
export function none (positionals: string[]): void {
  if (positionals.length > 0) throw new AdminError(`unexpected ${positionals[0]}\n${USAGE}`)
}
