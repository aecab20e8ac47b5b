import { createHmac, hkdfSync } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Peppers } from '../auth/peppers.js'

const CHARACTERS = 22
/** Most names remembered, about 1 MB: whoever asks once asks again. */
const MOST_NAMES = 5000

/** @param parts what is counted; the same parts give the same key in every process */
export type LimitKeys = (limit: string, ...parts: string[]) => string

/**
 * Names what is counted without saying it: neither addresses nor accounts are in Redis. After a rotation of the pepper
 * names change, so that counts begin anew.
 */
export function createLimitKeys (peppers: Peppers): LimitKeys {
  let version: number | undefined
  let secret = Buffer.alloc(0)
  const names = new LRUCache<string, string>({ max: MOST_NAMES })
  return (limit, ...parts) => {
    if (version !== peppers.newestVersion) {
      version = peppers.newestVersion
      secret = Buffer.from(hkdfSync('sha256', peppers.byVersion.get(version)!, '', 'limits', 32))
      names.clear()
    }
    // JSON, so that no two lists of parts are one text.
    const text = JSON.stringify([limit, ...parts])
    let name = names.get(text)
    if (name === undefined) names.set(text, name = `${limit}:${createHmac('sha256', secret).update(text).digest('base64url').slice(0, CHARACTERS)}`)
    return name
  }
}
