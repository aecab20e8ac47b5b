import type { EventData } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { findDeviceOfSession } from '../db/devices.js'
import { recordEvent } from '../db/events.js'
import { forgetGuesses } from '../db/guess-ceilings.js'
import { markAuthenticated } from '../db/sessions.js'
import { findCredentialsById } from '../db/users.js'
import type { RequestOrigin } from '../request-origin.js'
import type { GuessBudgets, LimitedGuess } from './guess-budgets.js'
import { beginGuess, failGuess, giveBackGuess } from './guess-ceiling.js'
import { hashIdentifier } from './identifier-hash.js'
import type { PasswordHasher, PasswordPlace } from './passwords.js'
import type { PepperFile } from './peppers.js'

export interface ReauthenticateContext { pool: pg.Pool, passwords: PasswordHasher, passwordPeppers: PepperFile, guessBudgets: GuessBudgets }

export interface ReauthenticateRequest { userId: string, sessionId: string, password: string, origin: RequestOrigin }

export type ReauthenticateOutcome =
  | { kind: 'reauthenticated' | 'session_ended' }
  | { kind: 'refused', reason: EventData<'login.failed'>['reason'], locked: boolean }
  | LimitedGuess

/**
 * Checks the password of a signed-in user once more. From then on access tokens of the session carry the new
 * `auth_time`, beginning with the next refresh. A wrong password is told and counted like one at sign-in from the
 * session's device; `locked` says that it was the last one to be evaluated.
 * `limited` says that wrong passwords have to wait: nothing was hashed, such an attempt counts nowhere.
 * @throws {AuthError} `overloaded` before any hashing; such an attempt counts nowhere
 */
export async function reauthenticate (context: ReauthenticateContext, request: ReauthenticateRequest): Promise<ReauthenticateOutcome> {
  const place = context.passwords.reserve()
  try {
    return await reauthenticateAt(place, context, request)
  } finally {
    place.release()
  }
}

async function reauthenticateAt (place: PasswordPlace, context: ReauthenticateContext, request: ReauthenticateRequest): Promise<ReauthenticateOutcome> {
  const { pool, passwordPeppers } = context
  const { ip, userAgent, requestId } = request.origin
  const user = await findCredentialsById(pool, request.userId)
  const deviceId = await findDeviceOfSession(pool, request.userId, request.sessionId) ?? null
  const attempt = await context.guessBudgets.begin({ account: request.userId, sessionId: request.sessionId, countedFrom: user?.guessesForgottenAt, deviceId, address: ip })
  if (attempt.kind === 'limited') return attempt
  const guess = await beginGuess(pool, user?.id, deviceId).catch(async err => {
    await attempt.notEvaluated()
    throw err
  })
  const matches = await place.matches(request.password, user).catch(async err => {
    await attempt.notEvaluated()
    await giveBackGuess(pool, guess)
    throw err
  })
  if (user === undefined) return { kind: 'refused', reason: 'unknown_user', locked: false }
  if (guess.kind !== 'open' || !matches) {
    const reason = guess.kind === 'open' ? 'wrong_password' : 'locked'
    const locked = await failGuess(pool, guess, requestId)
    await recordEvent(pool, {
      type: 'login.failed', userId: user.id, requestId, data: { reason, ip, userAgent, deviceId, account: hashIdentifier(passwordPeppers, user.username) }
    })
    return { kind: 'refused', reason, locked }
  }
  if (user.disabled) {
    await giveBackGuess(pool, guess)
    return { kind: 'refused', reason: 'disabled', locked: false }
  }
  await attempt.succeeded()
  await forgetGuesses(pool, user.id, guess.counted.deviceId)
  // A ban or a new password since we looked has ended the session in the same transaction.
  return { kind: await markAuthenticated(pool, user.id, request.sessionId) ? 'reauthenticated' : 'session_ended' }
}
