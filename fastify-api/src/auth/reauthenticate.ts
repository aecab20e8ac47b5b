import type pg from 'pg'
import { recordEvent } from '../db/events.js'
import { markAuthenticated } from '../db/sessions.js'
import { findCredentialsById } from '../db/users.js'
import type { RequestOrigin } from '../request-origin.js'
import { hashIdentifier } from './identifier-hash.js'
import type { PasswordHasher } from './passwords.js'
import type { PepperFile } from './peppers.js'

export interface ReauthenticateContext { pool: pg.Pool, passwords: PasswordHasher, passwordPeppers: PepperFile }

export interface ReauthenticateRequest { userId: string, sessionId: string, password: string, origin: RequestOrigin }

export type ReauthenticateOutcome = 'reauthenticated' | 'unknown_user' | 'wrong_password' | 'disabled' | 'session_ended'

/**
 * Checks the password of a signed-in user once more. From then on access tokens of the session carry the new
 * `auth_time`, beginning with the next refresh. A wrong password is told like one at sign-in.
 * @throws {AuthError} `overloaded` before any hashing
 */
export async function reauthenticate (context: ReauthenticateContext, request: ReauthenticateRequest): Promise<ReauthenticateOutcome> {
  const { pool, passwords, passwordPeppers } = context
  const user = await findCredentialsById(pool, request.userId)
  const matches = await passwords.matches(request.password, user)
  if (user === undefined) return 'unknown_user'
  if (!matches) {
    const { ip, userAgent, requestId } = request.origin
    await recordEvent(pool, {
      type: 'login.failed', userId: user.id, requestId, data: { reason: 'wrong_password', ip, userAgent, deviceId: null, account: hashIdentifier(passwordPeppers, user.username) }
    })
    return 'wrong_password'
  }
  if (user.disabled) return 'disabled'
  // A ban or a new password since we looked has ended the session in the same transaction.
  return await markAuthenticated(pool, user.id, request.sessionId) ? 'reauthenticated' : 'session_ended'
}
