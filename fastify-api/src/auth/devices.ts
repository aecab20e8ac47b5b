import { createHash, randomBytes } from 'node:crypto'
import type { Revocation, RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { deleteDevice, findDevice } from '../db/devices.js'
import { endAllSessions } from '../db/end-sessions.js'
import { recordEvent } from '../db/events.js'
import { inTransaction } from '../db/queryable.js'
import { isFresh } from '../db/sessions.js'
import type { SessionHolder } from './sessions.js'

/** 400 days, the most that browsers keep a cookie (RFC 6265bis, section 5.5). */
export const DEVICE_LIFETIME_SECONDS = 400 * 24 * 3600

export interface DevicesContext { pool: pg.Pool, announcer: RevocationAnnouncer }

const SECRET = /^[\w-]{43}$/
/** How long after the password was given a session may do what a stolen access token must not. */
export const FRESH_MS = 5 * 60_000
/** Who stay recognised in one browser. */
export const USERS_OF_A_BROWSER = 5
const DEVICE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** @returns 256 random bits in base64url */
export function newDeviceSecret (): string {
  return randomBytes(32).toString('base64url')
}

export function hashDeviceSecret (secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/**
 * The secrets of a device cookie: one for each user of the browser, the one added last at the end. Each is worth nothing
 * to anybody else's account, so it does no harm when somebody has planted one. What cannot be one is left out.
 * @param cookie whatever the client sent
 */
export function readDeviceSecrets (cookie: string | undefined): string[] {
  return (cookie ?? '').split('.').filter(secret => SECRET.test(secret)).slice(-USERS_OF_A_BROWSER)
}

/** The cookie of a browser that got one more secret. */
export function writeDeviceSecrets (secrets: readonly string[], fresh?: string): string {
  return [...secrets, ...fresh === undefined ? [] : [fresh]].slice(-USERS_OF_A_BROWSER).join('.')
}

/**
 * Whether the user of a sign-in has signed in from this device before. That lets nobody in.
 * @param userId undefined for an unknown user, at the same cost
 * @returns the id of the device, null for an unknown one
 */
export async function recogniseDevice (pool: pg.Pool, userId: string | undefined, secrets: readonly string[]): Promise<string | null> {
  return secrets.length === 0 ? null : await findDevice(pool, userId, secrets.map(hashDeviceSecret), DEVICE_LIFETIME_SECONDS) ?? null
}

/** `unknown` is said of anybody else's and of a malformed one, too. */
export type ForgetOutcome = { kind: 'forgotten', ended: Revocation[] } | { kind: 'unknown' } | { kind: 'not_fresh' }

/**
 * Forgets a device of the user and ends the sessions that were made on it. A stolen access token is not enough for that:
 * an owner without known devices could be kept out by an attack on the account.
 * @param deviceId whatever the client sent
 */
export async function forgetDevice ({ pool, announcer }: DevicesContext, { subject: userId, sessionId }: SessionHolder, deviceId: string, requestId: string): Promise<ForgetOutcome> {
  if (!DEVICE_ID.test(deviceId)) return { kind: 'unknown' }
  if (!await isFresh(pool, userId, sessionId, FRESH_MS)) return { kind: 'not_fresh' }
  const ended = await inTransaction(pool, async db => {
    // The device first, as sign-ins do it: one that is under way finishes, and its session ends, too.
    if (!await deleteDevice(db, userId, deviceId)) return undefined
    await recordEvent(db, { type: 'device.forgotten', userId, requestId, data: { deviceId } })
    return await endAllSessions(db, userId, 'logout', { requestId, device: deviceId })
  })
  if (ended === undefined) return { kind: 'unknown' }
  announcer.announce(ended)
  return { kind: 'forgotten', ended }
}
