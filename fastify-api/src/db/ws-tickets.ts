import type { Principal } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from './queryable.js'

/** Keeps what a ticket stands for until it is used or `lifetimeSeconds` have passed by the database's clock. */
export async function createWsTicket (db: Queryable, ticketHash: Buffer, principal: Principal, lifetimeSeconds: number): Promise<void> {
  const { subject, sessionId, refreshGeneration, keyId, issuedAt, expiresAt, authTime, amr } = principal
  await db.query({
    name: 'create-ws-ticket',
    text: `insert into ws_tickets
             (ticket_hash, user_id, session_id, refresh_generation, key_id, issued_at, expires_at, auth_time, amr, ticket_expires_at)
           values ($1, $2, $3, $4, $5, to_timestamp($6), to_timestamp($7), to_timestamp($8), $9, now() + $10::float8 * interval '1 second')`,
    values: [ticketHash, subject, sessionId, refreshGeneration, keyId, issuedAt, expiresAt, authTime, amr, lifetimeSeconds]
  })
}

/** Deletes tickets that nobody used in time, a batch at a time. @returns how many rows went */
export async function deleteExpiredWsTickets (db: Queryable, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from ws_tickets where ticket_hash in
       (select ticket_hash from ws_tickets where ticket_expires_at < now() order by ticket_expires_at limit $1)`, [batch])
  return rowCount ?? 0
}
