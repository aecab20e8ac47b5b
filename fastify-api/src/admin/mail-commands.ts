import { listUnsentMails, retryMails } from '../db/unsent-mails.js'
import { AdminError } from './admin-error.js'
import { none, one, parse } from './arguments.js'
import type { Command } from './commands.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const MAIL_COMMANDS: Record<string, Command> = {
  async 'mail list' ({ pool, print }, args) {
    none(parse(args).positionals)
    const mails = await listUnsentMails(pool)
    for (const { id, template, username, state, attempts, lastError, nextTryAt } of mails) {
      print([id, template, username, state, `${attempts} tries`, lastError ?? '-', state === 'waiting' ? `next ${nextTryAt.toISOString()}` : '-'].join('\t'))
    }
    print(`${mails.length} mail${mails.length === 1 ? '' : 's'}`)
  },

  async 'mail retry' ({ pool, print }, args) {
    const { values, positionals } = parse(args, { all: { type: 'boolean' } })
    if (values['all'] === true) {
      none(positionals)
      print(`${await retryMails(pool, 'all')} mail(s) will be tried again.`)
      return
    }
    const id = one(positionals, 'MAIL_ID')
    if (!UUID.test(id) || await retryMails(pool, id) === 0) throw new AdminError('there is no abandoned mail of that id; mail list shows them')
    print('1 mail(s) will be tried again.')
  }
}
