import { createHmac, hkdfSync } from 'node:crypto'
import type { Peppers } from '../auth/peppers.js'

const CHARACTERS = 22

/** @param parts what is counted; the same parts give the same key in every process */
export type LimitKeys = (limit: string, ...parts: string[]) => string

/**
 * Names what is counted without saying it: neither addresses nor accounts are in Redis. After a rotation of the pepper
 * names change, so that counts begin anew.
 */
export function createLimitKeys (peppers: Peppers): LimitKeys {
  let version: number | undefined
  let secret = Buffer.alloc(0)
  return (limit, ...parts) => {
    if (version !== peppers.newestVersion) {
      version = peppers.newestVersion
      secret = Buffer.from(hkdfSync('sha256', peppers.byVersion.get(version)!, '', 'limits', 32))
    }
    // JSON, so that no two lists of parts are one text.
    return `${limit}:${createHmac('sha256', secret).update(JSON.stringify([limit, ...parts])).digest('base64url').slice(0, CHARACTERS)}`
  }
}
