import type { EventType } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from './queryable.js'

export interface AuditEntry {
  eventId: string
  /** RFC 3339, UTC. */
  occurredAt: string
  type: EventType
  userId: string | undefined
  sessionId: string | null | undefined
  requestId: string | undefined
  ip: string | null | undefined
  userAgent: string | null | undefined
  /** What of the event's data has no column of its own. */
  data: object
}

export interface AuditRow {
  id: string
  type: EventType
  occurredAt: Date
  sessionId: string | null
  ip: string | null
  userAgent: string | null
  data: Record<string, unknown>
}

/** Where a page of a history ends. */
export interface HistoryPosition { occurredAt: Date, id: string }

const BEFORE_NOTHING: { occurredAt: string, id: string } = { occurredAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }

/**
 * Adds events to the audit log, in one statement; one that is there already stays as it is. Months that the log does not
 * have yet are made before. Call it in a transaction.
 * @throws when an event is older than 12 months, or of a month after the next: the log takes neither
 */
export async function appendToAuditLog (db: Queryable, entries: readonly AuditEntry[]): Promise<void> {
  const months = new Set(entries.map(({ occurredAt }) => `${occurredAt.slice(0, 7)}-01T00:00:00Z`))
  await db.query({ name: 'make-audit-months', text: 'select make_audit_month(month) from unnest($1::timestamptz[]) as m (month)', values: [[...months]] })
  await db.query({
    name: 'append-to-audit-log',
    text: `insert into audit_log (event_id, occurred_at, type, user_id, session_id, request_id, ip, user_agent, data)
           select * from json_to_recordset($1) as e
             ("eventId" uuid, "occurredAt" timestamptz, type text, "userId" uuid, "sessionId" uuid, "requestId" text, ip inet, "userAgent" text, data jsonb)
           on conflict do nothing`,
    values: [JSON.stringify(entries)]
  })
}

/**
 * Events of a user, newest first.
 * @param before the last one of the page before
 */
export async function listAuditRows (db: Queryable, userId: string, types: readonly EventType[], before: HistoryPosition | undefined, limit: number): Promise<AuditRow[]> {
  const { occurredAt, id } = before ?? BEFORE_NOTHING
  const { rows } = await db.query<AuditRow>({
    name: 'list-audit-rows',
    // The month of a row is found by occurred_at alone, so that has a condition of its own: newer months are not looked at.
    // Older ones are not reached, because their rows come in order and the limit stops before.
    text: `select event_id as id, type, occurred_at as "occurredAt", session_id as "sessionId", host(ip) as ip, user_agent as "userAgent", data
             from audit_log
            where user_id = $1 and type = any ($2) and occurred_at <= $3 and (occurred_at, event_id) < ($3, $4)
            order by occurred_at desc, event_id desc limit $5`,
    values: [userId, types, occurredAt, id, limit]
  })
  return rows
}

/** Drops the months of the audit log that ended longer ago; when the log is busy, a later call does. @returns how many went */
export async function dropOldAuditMonths (db: Queryable, keepMs: number): Promise<number> {
  const { rows } = await db.query<{ dropped: number }>("select drop_old_audit_months($1::float8 * interval '1 millisecond') as dropped", [keepMs])
  return rows[0]!.dropped
}
