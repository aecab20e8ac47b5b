import { createHash } from 'node:crypto'
import type { Principal } from '@fastify-uws-auth/auth-contract'
import type { TicketRow } from './db/consume-ws-ticket.js'

// 32 bytes. The last character has bits to spare: only the sixteen with none of them set spell a ticket.
const TEXT_FORM = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * `expired`: the ticket was good, but the access token that bought it is not any more. `refused` is one answer for
 * malformed, unknown, used and expired tickets. `unavailable`: the database did not answer; whether the ticket is used
 * up is not known, so the client had better buy another.
 */
export type TicketVerification =
  | { kind: 'verified' | 'expired', principal: Principal }
  | { kind: 'refused', reason: 'ticket' }
  | { kind: 'unavailable', cause: unknown }

/**
 * Uses a ticket up. Revocation, and whether the key is still known, are checked by the caller, after this.
 * @returns never rejects
 */
export type TicketVerifier = (ticket: string) => Promise<TicketVerification>

export interface TicketVerifierOptions {
  /** Answers one caller per ticket. */
  consume: (ticketHash: Buffer) => Promise<TicketRow | undefined>
  /** `iss` of the access tokens that buy tickets. */
  issuer: string
  /** Milliseconds since the epoch. */
  now?: () => number
}

export function createTicketVerifier ({ consume, issuer, now = Date.now }: TicketVerifierOptions): TicketVerifier {
  return async ticket => {
    if (!TEXT_FORM.test(ticket)) return { kind: 'refused', reason: 'ticket' }
    let row: TicketRow | undefined
    try {
      row = await consume(createHash('sha256').update(ticket, 'base64url').digest())
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
    if (row === undefined) return { kind: 'refused', reason: 'ticket' }
    return { kind: row.expiresAt * 1000 > now() ? 'verified' : 'expired', principal: { ...row, issuer } }
  }
}
