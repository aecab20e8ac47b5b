import type pg from 'pg'
import { changePassword, createAccount, disableAccount, enableAccount } from '../auth/accounts.js'
import { endEverySession } from '../auth/end-every-session.js'
import { unlockAccount } from '../auth/guess-ceiling.js'
import { canonicalIdentifier } from '../auth/identifier.js'
import { rejectPassword } from '../auth/password-policy.js'
import type { PasswordHasher } from '../auth/passwords.js'
import { endAllSessions, endSession } from '../db/end-sessions.js'
import { listLiveSessions } from '../db/sessions.js'
import { findCredentials, listAccounts, type Credentials } from '../db/users.js'
import { AdminError } from './admin-error.js'
import { none, one, parse } from './arguments.js'
import { EVENT_COMMANDS } from './event-commands.js'
import { MAIL_COMMANDS } from './mail-commands.js'
import { printable } from './printable.js'
import { readNewPassword } from './read-password.js'

export interface AdminContext {
  pool: pg.Pool
  /** Reads the pepper only when a command hashes. */
  passwords: () => Promise<PasswordHasher>
  /** RabbitMQ, when events go over it. */
  amqpUrl: string | undefined
  print: (line: string) => void
}

export type Command = (context: AdminContext, args: string[]) => Promise<void>

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const EMAIL = /^[^\s@]+@[^\s@]+$/

export const COMMANDS: Record<string, Command | undefined> = {
  ...MAIL_COMMANDS,
  ...EVENT_COMMANDS,

  async 'user create' ({ pool, passwords, print }, args) {
    const { values, positionals } = parse(args, { email: { type: 'string' } })
    const username = one(positionals, 'USERNAME')
    const email = typeof values['email'] === 'string' ? canonicalIdentifier(values['email']) : null
    if (email !== null && (!EMAIL.test(email) || email.length > 254)) throw new AdminError('that is not an e-mail address')
    const hasher = await passwords()
    const outcome = await createAccount(pool, hasher, { username, email, password: await acceptablePassword(username) })
    if (outcome === 'invalid_username') throw new AdminError('a username is 3 to 64 of a-z, 0-9, dot, underscore and hyphen')
    if (outcome === 'taken') throw new AdminError('the username or the e-mail address is taken')
    print(`Created ${canonicalIdentifier(username)}.`)
  },

  async 'user list' ({ pool, print }, args) {
    none(parse(args).positionals)
    const accounts = await listAccounts(pool)
    for (const { id, username, email, createdAt, disabledAt, locked } of accounts) {
      const state = [disabledAt ? `disabled ${disabledAt.toISOString()}` : 'enabled', ...locked ? ['locked'] : []].join(', ')
      print([id, username, email ?? '-', createdAt.toISOString(), state].join('\t'))
    }
    print(`${accounts.length} account${accounts.length === 1 ? '' : 's'}`)
  },

  async 'user set-password' ({ pool, passwords, print }, args) {
    const user = await find(pool, args)
    const ended = await changePassword(pool, await passwords(), user.id, await acceptablePassword(user.username))
    print(`Changed the password of ${user.username}; ${ended} session(s) ended.`)
  },

  async 'user disable' ({ pool, print }, args) {
    const user = await find(pool, args)
    print(`Disabled ${user.username}; ${await disableAccount(pool, user.id)} session(s) ended.`)
  },

  async 'user enable' ({ pool, print }, args) {
    const user = await find(pool, args)
    await enableAccount(pool, user.id)
    print(`Enabled ${user.username}.`)
  },

  async 'user unlock' ({ pool, print }, args) {
    const user = await find(pool, args)
    const closed = await unlockAccount(pool, user.id)
    print(closed > 0 ? `Unlocked ${user.username}.` : `${user.username} was not locked; its count of wrong passwords and its waits begin anew.`)
  },

  async 'session list' ({ pool, print }, args) {
    const user = await find(pool, args)
    const sessions = await listLiveSessions(pool, user.id)
    for (const { id, createdAt, lastUsedAt, expiresAt, ip, userAgent } of sessions) {
      print([id, `since ${createdAt.toISOString()}`, `used within the hour of ${hourOf(lastUsedAt)}`, `until ${expiresAt.toISOString()}`, ip ?? '-', printable(userAgent)].join('\t'))
    }
    print(`${sessions.length} live session${sessions.length === 1 ? '' : 's'}`)
  },

  async 'session end' ({ pool, print }, args) {
    const { values, positionals } = parse(args, { all: { type: 'boolean' }, everybody: { type: 'boolean' } })
    if (values['everybody'] === true) {
      none(positionals)
      print(`Ended ${await endEverySession(pool)} session(s).`)
      return
    }
    if (values['all'] === true) {
      const user = await find(pool, positionals)
      print(`Ended ${(await endAllSessions(pool, user.id, 'admin')).length} session(s) of ${user.username}.`)
      return
    }
    const sessionId = one(positionals, 'SESSION_ID')
    if (!UUID.test(sessionId)) throw new AdminError('that is not a session id; session list shows them')
    if (!await endSession(pool, sessionId, 'admin')) throw new AdminError('there is no such session, or it has ended already')
    print(`Ended ${sessionId}.`)
  }
}

// No more is given out about when somebody was here; minutes would mislead.
function hourOf (instant: Date): string {
  return `${instant.toISOString().slice(0, 13)}:00Z`
}

async function find (pool: pg.Pool, args: string[]): Promise<Credentials> {
  const identifier = one(parse(args).positionals, 'USERNAME')
  const user = await findCredentials(pool, canonicalIdentifier(identifier))
  if (user === undefined) throw new AdminError(`there is no user ${identifier}; user list shows them`)
  return user
}

async function acceptablePassword (username: string): Promise<string> {
  const password = await readNewPassword()
  const reasons = rejectPassword(password, canonicalIdentifier(username))
  if (reasons.length > 0) throw new AdminError(`the password was rejected: ${reasons.join(', ')} (15 to 1024 characters, without the username)`)
  return password
}
