import type pg from 'pg'
import { markAuthenticated } from '../db/sessions.js'
import { findCredentialsById } from '../db/users.js'
import type { PasswordHasher } from './passwords.js'

export interface ReauthenticateContext { pool: pg.Pool, passwords: PasswordHasher }

export type ReauthenticateOutcome = 'reauthenticated' | 'unknown_user' | 'wrong_password' | 'disabled' | 'session_ended'

/**
 * Checks the password of a signed-in user once more. From then on access tokens of the session carry the new
 * `auth_time`, beginning with the next refresh.
 * @throws {AuthError} `overloaded` before any hashing
 */
export async function reauthenticate ({ pool, passwords }: ReauthenticateContext, request: { userId: string, sessionId: string, password: string }): Promise<ReauthenticateOutcome> {
  const user = await findCredentialsById(pool, request.userId)
  const matches = await passwords.matches(request.password, user)
  if (user === undefined) return 'unknown_user'
  if (!matches) return 'wrong_password'
  if (user.disabled) return 'disabled'
  // A ban or a new password since we looked has ended the session in the same transaction.
  return await markAuthenticated(pool, user.id, request.sessionId) ? 'reauthenticated' : 'session_ended'
}
