import type pg from 'pg'
import type { Logger } from 'pino'
import { noteSigningKey } from '../db/signing-keys.js'

/**
 * Notes each key the first time that it signs here. Nothing waits for it; what could not be written is tried again at a
 * later signature.
 * @returns to be called with the key of each signature
 */
export function createSigningKeyNotes (pool: pg.Pool, log: Logger): (kid: string) => void {
  let noted: string | undefined
  let writing = false
  return kid => {
    if (kid === noted || writing) return
    writing = true
    noteSigningKey(pool, kid)
      .then(() => { noted = kid }, err => log.warn({ err, kid }, 'could not note the key that signs'))
      .finally(() => { writing = false })
  }
}
