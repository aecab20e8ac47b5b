import { createHmac, hkdfSync } from 'node:crypto'
import type { Peppers } from './peppers.js'

const BYTES = 16

/**
 * Names an identifier that somebody tried to sign in with, whether or not it exists, without saying it: people type
 * passwords into that field. Whoever has not the pepper cannot find it by trying names. After a rotation of the pepper
 * names change.
 * @param identifier in canonical form
 * @returns 22 characters of base64url
 */
export function hashIdentifier (peppers: Peppers, identifier: string): string {
  const key = hkdfSync('sha256', peppers.byVersion.get(peppers.newestVersion)!, '', 'identifier', 32)
  return createHmac('sha256', Buffer.from(key)).update(identifier, 'utf8').digest().subarray(0, BYTES).toString('base64url')
}
