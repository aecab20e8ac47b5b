import { createHash, randomBytes } from 'node:crypto'
import type { Revocation, RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { deleteDevice, findDevice } from '../db/devices.js'
import { endAllSessions } from '../db/end-sessions.js'
import { inTransaction } from '../db/queryable.js'

/** 400 days, the most that browsers keep a cookie (RFC 6265bis, section 5.5). */
export const DEVICE_LIFETIME_SECONDS = 400 * 24 * 3600

export interface DevicesContext { pool: pg.Pool, announcer: RevocationAnnouncer }

const SECRET = /^[\w-]{43}$/
const DEVICE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** @returns 256 random bits in base64url, the value of a device cookie */
export function newDeviceSecret (): string {
  return randomBytes(32).toString('base64url')
}

/** @returns undefined for what no device cookie of ours can be: an unknown device like any other */
export function hashDeviceSecret (cookie: string | undefined): Buffer | undefined {
  return cookie !== undefined && SECRET.test(cookie) ? createHash('sha256').update(cookie).digest() : undefined
}

/**
 * Whether the user of a sign-in has signed in from this device before. That lets nobody in.
 * @param userId undefined for an unknown user, at the same cost
 * @returns the id of the device, null for an unknown one
 */
export async function recogniseDevice (pool: pg.Pool, userId: string | undefined, secretHash: Buffer | undefined): Promise<string | null> {
  return secretHash === undefined ? null : await findDevice(pool, userId, secretHash) ?? null
}

/**
 * Forgets a device of the user and ends the sessions that were made on it.
 * @param deviceId whatever the client sent
 * @returns what ended; undefined for anybody else's, an unknown and a malformed one
 */
export async function forgetDevice ({ pool, announcer }: DevicesContext, userId: string, deviceId: string, requestId: string): Promise<Revocation[] | undefined> {
  if (!DEVICE_ID.test(deviceId)) return undefined
  const ended = await inTransaction(pool, async db => {
    // The device first, as sign-ins do it: one that is under way finishes, and its session ends, too.
    return await deleteDevice(db, userId, deviceId) ? await endAllSessions(db, userId, 'logout', { requestId, device: deviceId }) : undefined
  })
  if (ended) announcer.announce(ended)
  return ended
}
