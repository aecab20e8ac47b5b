import type { Queryable } from './queryable.js'

export interface NewSession {
  userId: string
  /** When the verified password was set; the session is refused when it has been changed since. */
  passwordChangedAt: string
  secretHash: Buffer
  amr: string[]
  userAgent: string | null
  ip: string | null
  maxAgeMs: number
  idleLifetimeMs: number
  /** Session of the cookie that came with the sign-in; it ends with reason `replaced`. */
  replaces: { sessionId: string, secretHash: Buffer } | undefined
}

export interface CreatedSession { id: string, createdAt: Date, expiresAt: Date, idleExpiresAt: Date }

// The share lock makes a sign-in and a ban or password change take turns: whoever comes second sees the other's work.
// Without it a session made meanwhile would survive the ban.
const CREATE = `
with account as (
  select id from users where id = $1 and password_changed_at = $2::timestamptz and disabled_at is null for share
), replaced as (
  update sessions set revoked_at = clock_timestamp(), revoke_reason = 'replaced'
   where id = $9 and secret_hash = $10 and revoked_at is null and exists (select from account)
  returning id, user_id
), news as (
  insert into revocations (sid, user_id, reason) select id, user_id, 'replaced' from replaced on conflict (sid) do nothing
)
insert into sessions (user_id, secret_hash, amr, user_agent, ip, expires_at, idle_expires_at)
select id, $3, $4, $5, $6, now() + $7::float8 * interval '1 millisecond',
       now() + least($7::float8, $8::float8) * interval '1 millisecond'
  from account
returning id, created_at as "createdAt", expires_at as "expiresAt", idle_expires_at as "idleExpiresAt"`

/** @returns undefined when the account was disabled or its password changed since it was verified */
export async function createSession (db: Queryable, session: NewSession): Promise<CreatedSession | undefined> {
  const { rows } = await db.query<CreatedSession>({
    name: 'create-session',
    text: CREATE,
    values: [
      session.userId, session.passwordChangedAt, session.secretHash, session.amr, session.userAgent, session.ip,
      session.maxAgeMs, session.idleLifetimeMs, session.replaces?.sessionId, session.replaces?.secretHash
    ]
  })
  return rows[0]
}

export interface SessionRow {
  id: string
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
  userAgent: string | null
  ip: string | null
}

/** The sessions of a user that can still be refreshed, newest first. */
export async function listLiveSessions (db: Queryable, userId: string): Promise<SessionRow[]> {
  const { rows } = await db.query<SessionRow>(
    `select id, created_at as "createdAt", date_trunc('hour', rotated_at) as "lastUsedAt", expires_at as "expiresAt",
            user_agent as "userAgent", host(ip) as ip
       from sessions
      where user_id = $1 and revoked_at is null and expires_at > now() and idle_expires_at > now()
      order by created_at desc`, [userId])
  return rows
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
