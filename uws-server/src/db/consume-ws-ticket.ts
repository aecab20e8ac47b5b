import type { Principal } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'

/** What a ticket stands for: the access token that bought it. */
export type TicketRow = Omit<Principal, 'issuer'>

/**
 * Uses a ticket up. However many ask for it at once, on whatever process, one is answered.
 * @param ticketHash SHA-256 of the bytes that the ticket spells
 * @returns undefined for one that is unknown, used or expired
 */
export async function consumeWsTicket (db: Pick<pg.Pool, 'query'>, ticketHash: Buffer): Promise<TicketRow | undefined> {
  const { rows } = await db.query<TicketRow>(
    `select user_id as subject, session_id as "sessionId", refresh_generation as "refreshGeneration", key_id as "keyId", amr,
            extract(epoch from issued_at)::float8 as "issuedAt", extract(epoch from expires_at)::float8 as "expiresAt",
            extract(epoch from auth_time)::float8 as "authTime"
       from consume_ws_ticket($1)`, [ticketHash])
  return rows[0]
}
