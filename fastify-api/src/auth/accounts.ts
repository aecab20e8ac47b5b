import type pg from 'pg'
import { deleteDevicesOfUser } from '../db/devices.js'
import { endAllSessions } from '../db/end-sessions.js'
import { recordEvent } from '../db/events.js'
import { forgetAllGuesses } from '../db/guess-ceilings.js'
import { inTransaction } from '../db/queryable.js'
import { createUser, findCredentials, setDisabled, setPassword } from '../db/users.js'
import { canonicalIdentifier, isUsername } from './identifier.js'
import type { PasswordHasher } from './passwords.js'

/** The account that `SEED_DEMO_USER` makes, for a first look; production refuses the setting. */
export const DEMO_ACCOUNT = { username: 'testuser', password: 'password123' }

/** Makes the demo account when there is none; what an administrator has done to it stays. */
export async function seedDemoAccount (pool: pg.Pool, passwords: PasswordHasher): Promise<void> {
  if (await findCredentials(pool, DEMO_ACCOUNT.username)) return
  await createUser(pool, DEMO_ACCOUNT.username, null, await passwords.hash(DEMO_ACCOUNT.password))
}

/** @param account `email` in canonical form; `password` has passed the policy */
export async function createAccount (
  pool: pg.Pool, passwords: PasswordHasher, account: { username: string, email: string | null, password: string }
): Promise<'created' | 'invalid_username' | 'taken'> {
  const username = canonicalIdentifier(account.username)
  if (!isUsername(username)) return 'invalid_username'
  return await createUser(pool, username, account.email, await passwords.hash(account.password)) ? 'created' : 'taken'
}

/** Lets a disabled account sign in again. Its old sessions stay ended. */
export async function enableAccount (pool: pg.Pool, userId: string): Promise<void> {
  await setDisabled(pool, userId, false)
}

/** Disables an account and ends its sessions. @returns how many sessions ended, undefined for no such user */
export async function disableAccount (pool: pg.Pool, userId: string): Promise<number | undefined> {
  return await inTransaction(pool, async db => {
    // The row first: a sign-in that holds its share lock finishes, and the statement after this one sees its session.
    if (!await setDisabled(db, userId, true)) return undefined
    return (await endAllSessions(db, userId, 'user_disabled')).length
  })
}

/**
 * Replaces a password as an administrator, ends every session, forgets every device and opens what wrong passwords
 * have closed (NIST SP 800-63B-4, section 3.2.2).
 * @returns how many sessions ended, undefined for no such user
 */
export async function changePassword (pool: pg.Pool, passwords: PasswordHasher, userId: string, password: string): Promise<number | undefined> {
  const hashed = await passwords.hash(password)       // slow, so before the transaction
  return await inTransaction(pool, async db => {
    if (!await setPassword(db, userId, hashed)) return undefined
    await recordEvent(db, { type: 'password.changed', userId, data: { by: 'admin' } })
    await deleteDevicesOfUser(db, userId)
    await forgetAllGuesses(db, userId)
    return (await endAllSessions(db, userId, 'password_changed')).length
  })
}
