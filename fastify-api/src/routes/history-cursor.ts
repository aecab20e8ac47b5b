import type { HistoryPosition } from '../db/audit.js'

const INSTANT_BYTES = 6

/** Every text of this form is a cursor: what a client makes up is a place in its own history. */
export const HISTORY_CURSOR = '^[A-Za-z0-9_-]{30}$'

/** Instant (48 bits, milliseconds) and event id, base64url. Opaque to clients. */
export function encodeCursor ({ occurredAt, id }: HistoryPosition): string {
  const instant = Buffer.alloc(INSTANT_BYTES)
  instant.writeUIntBE(occurredAt.getTime(), 0, INSTANT_BYTES)
  return Buffer.concat([instant, Buffer.from(id.replaceAll('-', ''), 'hex')]).toString('base64url')
}

/** @param cursor matches `HISTORY_CURSOR` */
export function decodeCursor (cursor: string): HistoryPosition {
  const bytes = Buffer.from(cursor, 'base64url')
  return { occurredAt: new Date(bytes.readUIntBE(0, INSTANT_BYTES)), id: bytes.toString('hex', INSTANT_BYTES) }
}
