import type { Revocation, RevocationReason } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from './queryable.js'
import { IS_LIVING } from './sessions.js'

/**
 * What follows `ended as (…)`. Ending a session and publishing that is one statement everywhere: neither can happen
 * without the other.
 * @param requestId the parameter that has the id of the request
 */
export const newsBy = (requestId: `$${number}`) => `news as (
  insert into revocations (sid, user_id, reason) select id, user_id, revoke_reason from ended on conflict (sid) do nothing
), told as (
  insert into outbox (type, user_id, session_id, request_id, data)
  select 'session.revoked', user_id, id, ${requestId}::text, jsonb_build_object('reason', revoke_reason) from ended
)`
export const ENDED = `
select id as sid, user_id as sub, revoke_reason as reason,
       floor(extract(epoch from revoked_at) * 1000)::float8 as "revokedAt" from ended`
const publishBy = (requestId: `$${number}`) => `, ${newsBy(requestId)} ${ENDED}`

/**
 * Ends one session by its id. Idempotent: a session that has ended already is left as it is.
 * @param requestId of the request that asked for it; none when an administrator did
 */
export async function endSession (db: Queryable, sessionId: string, reason: RevocationReason, requestId?: string): Promise<Revocation | undefined> {
  const { rows } = await db.query<Revocation>({
    name: 'end-session',
    text: `with ended as (
      update sessions set revoked_at = clock_timestamp(), revoke_reason = $2
       where id = $1 and revoked_at is null returning *)${publishBy('$3')}`,
    values: [sessionId, reason, requestId]
  })
  return rows[0]
}

/**
 * Ends one session that the user could still refresh.
 * @returns undefined for anybody else's, and for one that has ended
 */
export async function endSessionOfUser (db: Queryable, userId: string, sessionId: string, reason: RevocationReason, requestId: string): Promise<Revocation | undefined> {
  const { rows } = await db.query<Revocation>({
    name: 'end-session-of-user',
    text: `with ended as (
      update sessions set revoked_at = clock_timestamp(), revoke_reason = $3
       where id = $2 and user_id = $1 and ${IS_LIVING} returning *)${publishBy('$4')}`,
    values: [userId, sessionId, reason, requestId]
  })
  return rows[0]
}

/**
 * Ends every session of a user that has not ended yet.
 * @param by the request that asked for it, unless an administrator did; the session that stays; the device whose sessions alone end
 */
export async function endAllSessions (db: Queryable, userId: string, reason: RevocationReason, by: { requestId?: string, keep?: string, device?: string } = {}): Promise<Revocation[]> {
  const { rows } = await db.query<Revocation>({
    name: 'end-all-sessions',
    // Locked in one order, so that two of these at once cannot deadlock.
    text: `with locked as (
      select id from sessions
       where user_id = $1 and revoked_at is null and expires_at > now() and id is distinct from $3 and ($5::uuid is null or device_id = $5)
       order by id for update
    ), ended as (
      update sessions s set revoked_at = clock_timestamp(), revoke_reason = $2
        from locked where s.id = locked.id and s.revoked_at is null returning s.*)${publishBy('$4')}`,
    values: [userId, reason, by.keep, by.requestId, by.device]
  })
  return rows
}

/**
 * Ends the sessions of anybody that have not ended yet, in the order of their ids.
 * @param after the id behind which it begins
 * @returns how many ended, and the last id that was looked at: undefined when there was none left
 */
export async function endSessionsAfter (db: Queryable, after: string, reason: RevocationReason, batch: number): Promise<{ ended: number, last: string | undefined }> {
  const { rows: [result] } = await db.query<{ ended: number, last: string | null }>(
    `with locked as (
      select id from sessions
       where id > $1 and revoked_at is null and expires_at > now()
       order by id limit $3 for update
    ), ended as (
      update sessions s set revoked_at = clock_timestamp(), revoke_reason = $2
        from locked where s.id = locked.id and s.revoked_at is null returning s.*), ${newsBy('$4')}
    select (select count(*)::int from ended) as ended, (select id from locked order by id desc limit 1) as last`, [after, reason, batch, null])
  return { ended: result!.ended, last: result!.last ?? undefined }
}

/**
 * Whose session this is, while it lives; the secret proves that the asker holds its refresh token. One that has ended
 * speaks for nobody: with it a thief who was caught could go on signing its owner out everywhere.
 */
export async function findSessionOwner (db: Queryable, sessionId: string, secretHash: Buffer): Promise<string | undefined> {
  const { rows } = await db.query<{ userId: string }>({
    name: 'find-session-owner',
    text: `select user_id as "userId" from sessions where id = $1 and secret_hash = $2 and ${IS_LIVING}`,
    values: [sessionId, secretHash]
  })
  return rows[0]?.userId
}

/**
 * Deletes revocations that no access token can still name, a batch at a time.
 * @param olderThanMs longer than any access token lives and any reader looks back
 */
export async function deleteOldRevocations (db: Queryable, olderThanMs: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from revocations where sid in
       (select sid from revocations where revoked_at < now() - $1::float8 * interval '1 millisecond'
         order by revoked_at limit $2)`, [olderThanMs, batch])
  return rowCount ?? 0
}
