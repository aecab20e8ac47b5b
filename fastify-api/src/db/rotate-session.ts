import type { RevocationReason } from '@fastify-uws-auth/auth-contract'
import type { RequestOrigin } from '../request-origin.js'
import type { Queryable } from './queryable.js'
import { TooSlowError } from './unavailable.js'

export type RotationOutcome = 'rotate' | 'replay' | 'heal' | 'late_rotate' | 'revoked' | 'expired' | 'state_lost' | 'theft'

export interface PresentedToken {
  sessionId: string
  secretHash: Buffer
  generation: number
}

export interface RotationLimits { replayWindowMs: number, idleLifetimeMs: number }

export interface RotatedSession {
  outcome: RotationOutcome
  userId: string
  /** The generation to hand out: the row's, after the decision. */
  generation: number
  /** How often this generation was handed out again. */
  replays: number
  amr: string[]
  createdAt: Date
  /** When the user last proved who they are. */
  authenticatedAt: Date
  expiresAt: Date
  idleExpiresAt: Date
  /** For a replay: how long ago the rotation was that it repeats. */
  secondsSinceRotation: number
  /** When and why the session ended, also when this very decision ended it. */
  revokedAt: Date | null
  revokeReason: RevocationReason | null
}

// What nearly every refresh is, the line `rotate` of the decision table alone: at half the cost of deciding, because
// PostgreSQL sets up every expression and every table of a statement each time it runs. Whatever does not fit, also after
// waiting for somebody else's write, changes nothing here and is decided by DECIDE.
const ADVANCE = `
update sessions
   set outcome = 'rotate', generation = generation + 1, rotated_from = generation, rotated_at = clock_timestamp(), rotated_ip = $6::inet,
       moved_from = null, replays = 0, idle_expires_at = least(clock_timestamp() + $5::float8 * interval '1 millisecond', expires_at)
 where id = $1 and secret_hash = $2 and generation = $3::int and revoked_at is null
   and clock_timestamp() < expires_at and clock_timestamp() < idle_expires_at
   and (generation = 0 or clock_timestamp() >= rotated_at + $4::float8 * interval '1 millisecond')
returning outcome, user_id as "userId", generation, replays, amr,
          created_at as "createdAt", authenticated_at as "authenticatedAt", expires_at as "expiresAt",
          idle_expires_at as "idleExpiresAt", null as "revokedAt", null as "revokeReason", 0::float8 as "secondsSinceRotation"`

// One statement decides and writes. The sub-select reads the very row version being updated: after waiting for another
// refresh or a logout, PostgreSQL evaluates it again on the newest version, so the losing writer decides on what the
// winner left and no retry is needed. Reading first and updating after would be the race of CVE-2026-1035.
// clock_timestamp(), because now() is from before the wait. The order of the cases is the decision table in
// docs/refresh-rotation.md; the first that fits wins.
const DECIDE = `
with decided as (
  update sessions s
     set (outcome, generation, rotated_from, rotated_at, rotated_ip, moved_from, move_told_at, replays, idle_expires_at, revoked_at, revoke_reason) = (
       select d.outcome,
              case when d.outcome = 'heal' then $3::int + 1 when d.advances then s.generation + 1 else s.generation end,
              case when d.advances then $3::int else s.rotated_from end,
              case when d.advances then d.at else s.rotated_at end,
              case when d.advances then $6::inet else s.rotated_ip end,
              case when d.moved then s.rotated_ip end,
              case when d.moved then d.at else s.move_told_at end,
              case when d.advances then 0 when d.outcome = 'replay' then s.replays + 1 else s.replays end,
              case when d.advances then least(d.at + $5::float8 * interval '1 millisecond', s.expires_at) else s.idle_expires_at end,
              case when d.outcome in ('theft', 'state_lost') then d.at else s.revoked_at end,
              case d.outcome when 'theft' then 'refresh_reuse' when 'state_lost' then 'state_lost' else s.revoke_reason end
         from (select c.at, o.outcome, o.outcome in ('rotate', 'heal', 'late_rotate') as advances,
                      o.outcome in ('replay', 'late_rotate') and not same_network(s.rotated_ip, $6::inet)
                        and (s.move_told_at is null or c.at > s.move_told_at + interval '10 minutes') as moved
                 from (select clock_timestamp() as at) c,
                      lateral (select case
                        when s.revoked_at is not null then 'revoked'
                        when c.at >= s.expires_at or c.at >= s.idle_expires_at then 'expired'
                        when s.generation > 0 and $3::int between s.rotated_from and s.generation
                             and c.at < s.rotated_at + $4::float8 * interval '1 millisecond' then 'replay'
                        when $3::int = s.generation then 'rotate'
                        when $3::int > s.generation + 3 then 'state_lost'
                        when $3::int > s.generation then 'heal'
                        when $3::int >= s.confirmed_generation then 'late_rotate'
                        else 'theft' end as outcome offset 0) o) d)
   where s.id = $1 and s.secret_hash = $2
  returning s.*
), news as (
  insert into revocations (sid, user_id, reason)
  select id, user_id, revoke_reason from decided where outcome in ('theft', 'state_lost')
  on conflict (sid) do nothing
), told as (
  insert into outbox (type, user_id, session_id, request_id, data)
  select e.type, d.user_id, d.id, $7::text, e.data
    from decided d cross join lateral (values
      (1, 'session.theft', d.outcome = 'theft', jsonb_build_object('ip', host($6::inet))),
      (2, 'session.revoked', d.outcome in ('theft', 'state_lost'), jsonb_build_object('reason', d.revoke_reason)),
      (3, 'session.refreshed_elsewhere', d.moved_from is not null,
       jsonb_build_object('outcome', d.outcome, 'ip', host($6::inet), 'rotatedIp', host(d.moved_from)))
    ) as e (turn, type, happened, data)
   where e.happened order by e.turn
)
select outcome, user_id as "userId", generation, replays, amr,
       created_at as "createdAt", authenticated_at as "authenticatedAt", expires_at as "expiresAt",
       idle_expires_at as "idleExpiresAt", revoked_at as "revokedAt", revoke_reason as "revokeReason",
       extract(epoch from clock_timestamp() - rotated_at)::float8 as "secondsSinceRotation"
  from decided`

/**
 * Milliseconds that the first statement may have taken before the second. Together they must be shorter than the replay
 * window, or an honest copy of a token that came within it would be judged after it.
 */
const DECIDE_WITHIN_MS = 1000

/**
 * Decides what presenting a refresh token means and does it, in one round trip for a rotation and in two for anything else. A refusal commits like any other
 * outcome: theft ends the session and publishes that, and is returned, not thrown.
 * Theft, the end of the session and a refresh from another network are told in the same statement, the last once in ten
 * minutes: whoever holds a token could otherwise fill the audit log and hide in it.
 * @returns undefined when there is no such session
 */
export async function rotateSession (db: Queryable, token: PresentedToken, limits: RotationLimits, origin: Pick<RequestOrigin, 'requestId' | 'ip'>): Promise<RotatedSession | undefined> {
  const values = [token.sessionId, token.secretHash, token.generation, limits.replayWindowMs, limits.idleLifetimeMs, origin.ip]
  const begunAt = performance.now()
  const advanced = await db.query<RotatedSession>({ name: 'advance-session', text: ADVANCE, values })
  if (advanced.rows[0] !== undefined) return advanced.rows[0]
  if (performance.now() - begunAt > DECIDE_WITHIN_MS) throw new TooSlowError('the first look at a session took so long that a retry must decide')
  const decided = await db.query<RotatedSession>({ name: 'decide-rotation', text: DECIDE, values: [...values, origin.requestId] })
  return decided.rows[0]
}
