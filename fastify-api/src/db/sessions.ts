import { IS_ONLINE } from './presence.js'
import type { Queryable } from './queryable.js'

/** A session that can still be refreshed. */
export const IS_LIVING = 'revoked_at is null and expires_at > now() and idle_expires_at > now()'

export interface SessionRow {
  id: string
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
  userAgent: string | null
  ip: string | null
  /** Id; null when it has been forgotten. */
  device: string | null
  online: boolean
}

/** The sessions of a user that can still be refreshed, newest first; when one was last used, to the hour and not before it began. */
export async function listLiveSessions (db: Queryable, userId: string): Promise<SessionRow[]> {
  const { rows } = await db.query<SessionRow>({
    name: 'list-live-sessions',
    text: `select id, created_at as "createdAt", greatest(created_at, date_trunc('hour', rotated_at, 'UTC')) as "lastUsedAt", expires_at as "expiresAt",
                  user_agent as "userAgent", host(ip) as ip, (select d.id from devices d where d.user_id = s.user_id and d.id = s.device_id) as device, ${IS_ONLINE} as online
             from sessions s
            where user_id = $1 and ${IS_LIVING}
            order by created_at desc, id desc`,
    values: [userId]
  })
  return rows
}

/** Whether the user of a session has proved who they are lately. @param withinMs how lately */
export async function isFresh (db: Queryable, userId: string, sessionId: string, withinMs: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'is-fresh',
    text: `select from sessions where id = $2 and user_id = $1 and ${IS_LIVING} and authenticated_at > now() - $3::float8 * interval '1 millisecond'`,
    values: [userId, sessionId, withinMs]
  })
  return rowCount === 1
}

/**
 * Notes that the user of a session has just proved again who they are.
 * @returns false when the session has ended
 */
export async function markAuthenticated (db: Queryable, userId: string, sessionId: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'mark-authenticated',
    text: `update sessions set authenticated_at = now() where id = $2 and user_id = $1 and ${IS_LIVING}`,
    values: [userId, sessionId]
  })
  return rowCount === 1
}

/**
 * Deletes sessions past their absolute end, a batch at a time. Revoked ones stay until then, so that an old refresh
 * token is still recognised.
 * @returns how many rows went
 */
export async function deleteExpiredSessions (db: Queryable, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from sessions where id in
       (select id from sessions where expires_at < now() order by expires_at limit $1)`, [batch])
  return rowCount ?? 0
}
