import type { EventData } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from './queryable.js'

/** Whom a rule looks at. */
export interface RiskGroup { rule: string, group: string }

/** A distinct thing that was seen of a group, in a minute since the epoch. */
export interface RiskObservation extends RiskGroup { counted: string, minute: number }

/** A window, in minutes since the epoch, that ends in an observation of the group. */
export interface RiskWindow extends RiskGroup {
  end: number
  /** Distinct things seen in it. */
  count: number
}

/** What a window is measured by; `threshold` is compared by the database. */
export interface RiskLimits { threshold: number, windowMinutes: number, coolDownMinutes: number }

export interface RaisedRisk extends RiskGroup {
  minute: number
  /** Id of the event, which tells that it is the same risk. */
  eventId: string
  /** RFC 3339. */
  occurredAt: string
  userId: string | undefined
  sessionId: string | null
  requestId: string | undefined
  /** With `sessionId`, which the type has also when there is none. */
  data: EventData<'risk.detected'>
}

/**
 * Makes other transactions wait that look at one of these groups: of two that see half a crowd each, the second sees all
 * of it. In one order, so that they cannot deadlock. Until the transaction ends.
 */
export async function lockGroups (db: Queryable, groups: readonly RiskGroup[]): Promise<void> {
  await db.query({
    name: 'lock-risk-groups',
    text: `select pg_advisory_xact_lock(key) from
             (select distinct hashtextextended(rule || ' ' || group_key, 0) as key from unnest($1::text[], $2::text[]) as g (rule, group_key) order by key) locks`,
    values: [groups.map(({ rule }) => rule), groups.map(({ group }) => group)]
  })
}

/** Notes what was seen. @returns what had not been seen yet in its minute */
export async function addObservations (db: Queryable, observations: readonly RiskObservation[]): Promise<RiskObservation[]> {
  const { rows } = await db.query<RiskObservation>({
    name: 'add-risk-observations',
    text: `insert into risk_observations (rule, group_key, minute, counted_key)
           select * from unnest($1::text[], $2::text[], $3::int[], $4::text[]) on conflict do nothing
           returning rule, group_key as "group", minute, counted_key as counted`,
    values: [observations.map(({ rule }) => rule), observations.map(({ group }) => group), observations.map(({ minute }) => minute), observations.map(({ counted }) => counted)]
  })
  return rows
}

/**
 * The windows with one of these observations that hold as many distinct things as their rule asks for, earliest first,
 * without those in the cool-down of a risk. An observation that comes late is also in windows that end after it.
 */
export async function findCrowdedWindows (db: Queryable, observations: ReadonlyArray<RiskObservation & RiskLimits>): Promise<RiskWindow[]> {
  const { rows } = await db.query<RiskWindow>({
    name: 'find-crowded-windows',
    text: `with news as (
             select distinct * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[])
               as n (rule, group_key, minute, window_minutes, threshold, cool_down_minutes)
           ), window_ends as (
             select distinct n.rule, n.group_key, o.minute, n.window_minutes, n.threshold
               from news n cross join lateral (
                 select distinct o.minute from risk_observations o
                  where o.rule = n.rule and o.group_key = n.group_key and o.minute >= n.minute and o.minute < n.minute + n.window_minutes) o
              where not exists (
                select from risks r where r.rule = n.rule and r.group_key = n.group_key
                   and r.minute > o.minute - n.cool_down_minutes and r.minute < o.minute + n.cool_down_minutes)
           )
           select e.rule, e.group_key as "group", e.minute as end, w.count
             from window_ends e cross join lateral (
               select count(distinct o.counted_key)::int as count from risk_observations o
                where o.rule = e.rule and o.group_key = e.group_key and o.minute > e.minute - e.window_minutes and o.minute <= e.minute) w
            where w.count >= e.threshold
            order by e.minute`,
    values: [
      observations.map(({ rule }) => rule), observations.map(({ group }) => group), observations.map(({ minute }) => minute),
      observations.map(({ windowMinutes }) => windowMinutes), observations.map(({ threshold }) => threshold), observations.map(({ coolDownMinutes }) => coolDownMinutes)
    ]
  })
  return rows
}

/** Puts the risk into the outbox and begins its cool-down. */
export async function raiseRisk (db: Queryable, risk: RaisedRisk): Promise<void> {
  await db.query({
    name: 'raise-risk',
    text: `with raised as (insert into risks (rule, group_key, minute) values ($1, $2, $3))
           insert into outbox (id, type, occurred_at, user_id, session_id, request_id, data) values ($4, 'risk.detected', $5, $6, $7, $8, $9)`,
    values: [risk.rule, risk.group, risk.minute, risk.eventId, risk.occurredAt, risk.userId, risk.sessionId, risk.requestId, JSON.stringify(risk.data)]
  })
}

/** Deletes what was noted longer ago, a batch at a time. @returns how many rows went */
export async function deleteOldObservations (db: Queryable, keepMs: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from risk_observations where (rule, group_key, minute, counted_key) in
       (select rule, group_key, minute, counted_key from risk_observations where recorded_at < now() - $1::float8 * interval '1 millisecond' order by recorded_at limit $2)`, [keepMs, batch])
  return rowCount ?? 0
}

/** Forgets cool-downs that were noted longer ago, a batch at a time. @returns how many rows went */
export async function deleteOldRisks (db: Queryable, keepMs: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from risks where (rule, group_key, minute) in
       (select rule, group_key, minute from risks where recorded_at < now() - $1::float8 * interval '1 millisecond' order by recorded_at limit $2)`, [keepMs, batch])
  return rowCount ?? 0
}
