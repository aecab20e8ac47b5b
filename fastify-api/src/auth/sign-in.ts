import type { EventData, RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { createSession, type CreatedSession } from '../db/create-session.js'
import { recordEvent } from '../db/events.js'
import { findCredentials, upgradePasswordHash } from '../db/users.js'
import type { RequestOrigin } from '../request-origin.js'
import { hashDeviceSecret, newDeviceSecret, readDeviceSecrets, recogniseDevice, writeDeviceSecrets } from './devices.js'
import type { GuessBudgets, LimitedGuess } from './guess-budgets.js'
import { beginGuess, failGuess, giveBackGuess } from './guess-ceiling.js'
import { canonicalIdentifier, isStorableIdentifier } from './identifier.js'
import { hashIdentifier } from './identifier-hash.js'
import type { PasswordHasher, PasswordPlace } from './passwords.js'
import type { PepperFile } from './peppers.js'
import { encodeRefreshToken, hashFamilySecret, newFamilySecret, readRefreshToken } from './refresh-token.js'

export interface SignInContext {
  pool: pg.Pool
  passwords: PasswordHasher
  /** Of refresh tokens. */
  peppers: PepperFile
  passwordPeppers: PepperFile
  guessBudgets: GuessBudgets
  announcer: RevocationAnnouncer
  maxAgeMs: number
  idleLifetimeMs: number
}

export interface SignInRequest {
  identifier: string
  password: string
  origin: RequestOrigin
  /** The refresh cookie that came along; a live session behind it ends, replaced by the new one. */
  refreshToken: string | undefined
  /** The device cookie that came along. */
  deviceCookie: string | undefined
}

type RefusalReason = EventData<'login.failed'>['reason']

export type SignInOutcome =
  | { kind: 'signed_in', user: { id: string, username: string }, session: CreatedSession, amr: string[], refreshToken: string, deviceCookie: string }
  | { kind: 'refused', reason: RefusalReason, userId?: string | undefined, locked: boolean }
  | LimitedGuess & { userId: string | undefined }

const PASSWORD_ONLY = ['pwd']                       // RFC 8176
export const MAXIMUM = { sessions: 100, devices: 50 }

/**
 * Signs a user in by password. Always a fresh session, never the one of a cookie that came along (fixation). It ends
 * that one, and the user's oldest where it would be the 101st. The reason of a refusal is for the log; clients get one
 * answer, after the same work. `locked` says that this failure closed the account to the device it came from.
 * `deviceCookie` is what the device cookie shall be.
 * `limited` says that wrong passwords have to wait: nothing was hashed, such an attempt counts nowhere.
 * @throws {AuthError} `overloaded` before any hashing; such an attempt counts nowhere
 */
export async function signIn (context: SignInContext, request: SignInRequest): Promise<SignInOutcome> {
  const place = context.passwords.reserve()
  try {
    return await signInAt(place, context, request)
  } finally {
    place.release()
  }
}

async function signInAt (place: PasswordPlace, context: SignInContext, request: SignInRequest): Promise<SignInOutcome> {
  const { pool, passwords, peppers } = context
  const { origin } = request
  const identifier = canonicalIdentifier(request.identifier)
  const user = isStorableIdentifier(identifier) ? await findCredentials(pool, identifier) : undefined
  const deviceSecrets = readDeviceSecrets(request.deviceCookie)
  const deviceId = await recogniseDevice(pool, user?.id, deviceSecrets)
  const account = hashIdentifier(context.passwordPeppers, identifier)
  const attempt = await context.guessBudgets.begin({ account, countedFrom: user?.guessesForgottenAt, deviceId, address: origin.ip })
  if (attempt.kind === 'limited') return { ...attempt, userId: user?.id }
  const guess = await beginGuess(pool, user?.id, deviceId).catch(async err => {
    await attempt.notEvaluated()
    throw err
  })
  const giveBack = async (err: unknown): Promise<never> => {
    await attempt.notEvaluated()
    await giveBackGuess(pool, guess)
    throw err
  }
  // Compare even when the user is unknown or the guess is one too many, so that timing does not tell.
  const matches = await place.matches(request.password, user).catch(giveBack)
  const refuse = async (reason: RefusalReason, locked = false): Promise<SignInOutcome> => {
    await recordEvent(pool, {
      type: 'login.failed', userId: user?.id, requestId: origin.requestId, data: { reason, ip: origin.ip, userAgent: origin.userAgent, deviceId, account }
    })
    return { kind: 'refused', reason, userId: user?.id, locked }
  }
  if (user === undefined) return await refuse('unknown_user')
  if (guess.kind !== 'open') return await refuse('locked')
  if (!matches) return await refuse('wrong_password', await failGuess(pool, guess, origin.requestId))
  if (user.disabled) {
    await giveBackGuess(pool, guess)
    return await refuse('disabled')
  }

  if (passwords.isOutdated(user)) {
    await upgradePasswordHash(pool, user.id, user.passwordHash, await place.hash(request.password).catch(giveBack))
  }

  const secret = newFamilySecret()
  const freshDeviceSecret = newDeviceSecret()
  const previous = request.refreshToken === undefined ? undefined : await readRefreshToken(peppers, request.refreshToken)
  const session = await createSession(pool, {
    userId: user.id,
    passwordChangedAt: user.passwordChangedAt,
    secretHash: hashFamilySecret(secret),
    amr: PASSWORD_ONLY,
    origin,
    device: { id: guess.counted.deviceId, freshSecretHash: hashDeviceSecret(freshDeviceSecret) },
    maxAgeMs: context.maxAgeMs,
    idleLifetimeMs: context.idleLifetimeMs,
    replaces: previous && { sessionId: previous.sessionId, secretHash: hashFamilySecret(previous.secret) },
    maximum: MAXIMUM
  }).catch(giveBack)
  // Disabled, or another password, since we looked.
  if (session === undefined) return await refuse('disabled')
  context.announcer.announce(session.ended)
  await attempt.succeeded()
  return {
    kind: 'signed_in',
    user: { id: user.id, username: user.username },
    session,
    amr: PASSWORD_ONLY,
    refreshToken: encodeRefreshToken(peppers, { sessionId: session.id, generation: 0, secret }),
    deviceCookie: writeDeviceSecrets(deviceSecrets, session.device.isNew ? freshDeviceSecret : undefined)
  }
}
