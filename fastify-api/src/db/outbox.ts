import type { Queryable } from './queryable.js'

/** A claim on lanes: nobody else has them while it lasts. */
export interface Lease { lanes: number[], lease: string }

export interface OutboxRow {
  position: string
  id: string
  type: string
  occurredAt: Date
  userId: string | null
  sessionId: string | null
  requestId: string | null
  data: Record<string, unknown>
}

export interface OutboxState { waiting: number, oldestSeconds: number }

/**
 * Claims the lanes whose first events have waited longest, of those that have events and are free.
 * @param lease a new name for the claim
 * @param leaseMs after which they are anybody's again, should the claimant have died
 * @param most how many lanes
 */
export async function claimLanes (db: Queryable, lease: string, leaseMs: number, most: number): Promise<Lease | undefined> {
  const { rows } = await db.query<{ lane: number }>({
    name: 'claim-lanes',
    text: `update outbox_lanes l set lease = $1, leased_until = clock_timestamp() + $2::float8 * interval '1 millisecond'
      from (select c.lane from outbox_lanes c
             cross join lateral (select o.position from outbox o where o.lane = c.lane order by o.position limit 1) first
             where c.leased_until < clock_timestamp()
             order by first.position limit $3 for update of c skip locked) free
     where l.lane = free.lane
     returning l.lane`,
    values: [lease, leaseMs, most]
  })
  return rows.length === 0 ? undefined : { lanes: rows.map(({ lane }) => lane), lease }
}

/** The first events of the lanes together, in their order. A statement of its own: its snapshot is from after the claim. */
export async function readLanes (db: Queryable, { lanes }: Lease, limit: number): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRow>({
    name: 'read-lanes',
    // The column, not the text of the same name, which puts 10 before 9.
    text: `select position::text, id, type, occurred_at as "occurredAt", user_id as "userId", session_id as "sessionId", request_id as "requestId", data
             from outbox o where lane = any ($1::smallint[]) order by o.position limit $2`,
    values: [lanes, limit]
  })
  return rows
}

/** Deletes what has been handed on and gives the lanes back. Leaves alone a lane that has gone to somebody else, who hands its events on again. */
export async function settleLanes (db: Queryable, { lanes, lease }: Lease, positions: readonly string[]): Promise<void> {
  await db.query({
    name: 'settle-lanes',
    text: `with given_back as (
        update outbox_lanes set leased_until = '-infinity' where lane = any ($1::smallint[]) and lease = $2 returning lane
      )
      delete from outbox o using given_back g where o.lane = g.lane and o.position = any ($3::bigint[])`,
    values: [lanes, lease, positions]
  })
}

/** How many events wait, and for how long the first of them. */
export async function readOutboxState (db: Queryable): Promise<OutboxState> {
  const { rows } = await db.query<OutboxState>(
    'select count(*)::int as waiting, coalesce(greatest(extract(epoch from clock_timestamp() - min(occurred_at)), 0), 0)::float8 as "oldestSeconds" from outbox')
  return rows[0]!
}
