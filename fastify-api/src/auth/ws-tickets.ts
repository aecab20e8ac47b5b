import { createHash, randomBytes } from 'node:crypto'
import type { Principal } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { createWsTicket } from '../db/ws-tickets.js'

/** Seconds in which a ticket must open its socket. */
export const WS_TICKET_LIFETIME = 30

export interface WsTicketsContext { pool: pg.Pool }

/**
 * Sells a ticket that opens one socket in the place of the access token. It may travel in a URL: it is good once and
 * for half a minute, and no longer than the access token. Who reads the database learns its hash only.
 */
export async function issueWsTicket ({ pool }: WsTicketsContext, principal: Principal): Promise<string> {
  const ticket = randomBytes(32)
  await createWsTicket(pool, createHash('sha256').update(ticket).digest(), principal, WS_TICKET_LIFETIME)
  return ticket.toString('base64url')
}
