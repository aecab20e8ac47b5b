import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { PepperFile, Peppers } from './peppers.js'

/*
 * base64url( format(1) ‖ pepper version(1) ‖ session id(16) ‖ generation(4) ‖ secret(32) ‖ mac(32) )
 *
 * The server can recompute it, so no successor is stored. The row keeps SHA-256(secret) only and the pepper is not in
 * the database: a leak of either alone forges nothing.
 */
const FORMAT = 1
const SIGNED_BYTES = 54
const TOTAL_BYTES = 86
/** What PostgreSQL's integer holds, with room for the rotations of a fail-over. */
const MAXIMUM_GENERATION = 2 ** 31 - 16
const TEXT_FORM = /^[A-Za-z0-9_-]{115}$/

export interface RefreshToken {
  sessionId: string
  generation: number
  /** 32 random bytes, made at sign-in, the same for the whole family. */
  secret: Buffer
  /** What it was authenticated with when it was read, so that its successor need not derive that again. */
  macKey?: MacKey
}

interface MacKey { pepper: Buffer, key: Buffer }

export function newFamilySecret (): Buffer {
  return randomBytes(32)
}

/** What the session's row keeps of the family secret. */
export function hashFamilySecret (secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The text of a refresh token, under the newest pepper. */
export function encodeRefreshToken (peppers: Peppers, { sessionId, generation, secret, macKey }: RefreshToken): string {
  const bytes = Buffer.alloc(TOTAL_BYTES)
  bytes.writeUInt8(FORMAT, 0)
  bytes.writeUInt8(peppers.newestVersion, 1)
  bytes.write(sessionId.replaceAll('-', ''), 2, 'hex')
  bytes.writeUInt32BE(generation, 18)
  secret.copy(bytes, 22)
  const isSame = macKey !== undefined && macKey.pepper === peppers.byVersion.get(peppers.newestVersion)
  const { key } = isSame ? macKey : deriveMacKey(peppers, bytes)!
  authenticate(key, bytes).copy(bytes, SIGNED_BYTES)
  return bytes.toString('base64url')
}

/**
 * Reads a refresh token and checks that this server made it, before any query: random strings never reach PostgreSQL.
 * @returns undefined for anything else, without saying why
 */
export function decodeRefreshToken (peppers: Peppers, text: string): RefreshToken | undefined {
  if (!TEXT_FORM.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // The last character has bits to spare: only the one canonical spelling is a token.
  if (bytes[0] !== FORMAT || bytes.toString('base64url') !== text) return undefined
  const macKey = deriveMacKey(peppers, bytes)
  if (macKey === undefined || !timingSafeEqual(authenticate(macKey.key, bytes), bytes.subarray(SIGNED_BYTES))) return undefined
  if (bytes.readUInt32BE(18) > MAXIMUM_GENERATION) return undefined
  return {
    sessionId: formatUuid(bytes.toString('hex', 2, 18)),
    generation: bytes.readUInt32BE(18),
    secret: bytes.subarray(22, SIGNED_BYTES),
    macKey
  }
}

/**
 * As `decodeRefreshToken`, but looks for a new pepper when the token names one that this process does not know:
 * another process may have been told of it a moment ago and used it already.
 */
export async function readRefreshToken (peppers: PepperFile, text: string): Promise<RefreshToken | undefined> {
  if (TEXT_FORM.test(text) && !peppers.byVersion.has(Buffer.from(text.slice(0, 4), 'base64url')[1]!)) await peppers.lookAgain()
  return decodeRefreshToken(peppers, text)
}

function deriveMacKey (peppers: Peppers, bytes: Buffer): MacKey | undefined {
  const pepper = peppers.byVersion.get(bytes.readUInt8(1))
  if (pepper === undefined) return undefined
  return { pepper, key: Buffer.from(hkdfSync('sha256', pepper, bytes.subarray(2, 18), 'refresh-token mac v1', 32)) }
}

function authenticate (key: Buffer, bytes: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes.subarray(0, SIGNED_BYTES)).digest()
}

function formatUuid (hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
