import { text } from 'node:stream/consumers'
import promptPassword from '@inquirer/password'
import { AdminError } from './admin-error.js'

/**
 * Asks for a new password twice without showing it. When standard input is not a terminal its first line is the
 * password. Never an argument: those are visible to every user of the machine.
 */
export async function readNewPassword (): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).split(/\r?\n/, 1)[0]!
  const password = await prompt('New password, 15 characters or more')
  if (await prompt('Once more') !== password) throw new AdminError('the two passwords differ; nothing was changed')
  return password
}

async function prompt (message: string): Promise<string> {
  return await promptPassword({ message, mask: false }).catch((err: Error) => {
    if (err.name === 'ExitPromptError') throw new AdminError('stopped; nothing was changed')
    throw err
  })
}
