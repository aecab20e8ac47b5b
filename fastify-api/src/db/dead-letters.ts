import type { Queryable } from './queryable.js'

export interface DeadLetter { consumer: string, eventId: string, type: string, time: string, reason: string, diedAt: Date }

/** Keeps an event that a consumer could not take. @param event its envelope */
export async function buryEvent (db: Queryable, event: { id: string }, consumer: string, reason: string): Promise<void> {
  await db.query(
    'insert into dead_letters (event_id, consumer, event, reason) values ($1, $2, $3, $4) on conflict (event_id, consumer) do update set reason = excluded.reason',
    [event.id, consumer, JSON.stringify(event), reason])
}

export async function listDeadLetters (db: Queryable): Promise<DeadLetter[]> {
  const { rows } = await db.query<DeadLetter>(
    `select consumer, event_id as "eventId", coalesce(event->>'type', '') as type, coalesce(event->>'time', '') as time, reason, died_at as "diedAt"
       from dead_letters order by died_at, event_id`)
  return rows
}

/**
 * Asks for dead letters to be handed on once more: by the worker to the consumer that failed, and what the relay took for
 * no event, perhaps of a newer version, by the outbox to everybody.
 * @param consumer whose; every consumer's when not given
 * @returns how many
 */
export async function replayDeadLetters (db: Queryable, consumer?: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `with asked as (
       update dead_letters set replay = true where consumer <> 'relay' and ($1::text is null or consumer = $1) returning 1
     ), unread as (
       delete from dead_letters where consumer = 'relay' and ($1::text is null or consumer = $1) returning event
     ), back as (
       insert into outbox (id, type, occurred_at, user_id, session_id, request_id, data)
       select (event->>'id')::uuid, event->>'type', (event->>'time')::timestamptz, (event->>'subject')::uuid,
              (event->'data'->>'sessionId')::uuid, event->>'requestid', event->'data'
         from unread order by event->>'time' returning 1
     )
     select ((select count(*) from asked) + (select count(*) from back))::int as count`, [consumer])
  return rows[0]!.count
}

/** Throws the dead letters of a consumer away, also those that wait to be replayed. @returns how many */
export async function discardDeadLetters (db: Queryable, consumer: string): Promise<number> {
  const { rowCount } = await db.query('delete from dead_letters where consumer = $1', [consumer])
  return rowCount!
}

/** Takes some of the dead letters that are to be replayed. They stay in the table, for the case that whoever took them dies. */
export async function claimReplays (db: Queryable): Promise<Array<{ consumer: string, event: unknown }>> {
  const { rows } = await db.query<{ consumer: string, event: unknown }>(
    `update dead_letters d set replay = false
       from (select event_id, consumer from dead_letters where replay order by died_at limit 100 for update skip locked) c
      where d.event_id = c.event_id and d.consumer = c.consumer
     returning d.consumer, d.event`)
  return rows
}

/** The consumer has taken it after all. */
export async function forgetDeadLetter (db: Queryable, eventId: string, consumer: string): Promise<void> {
  await db.query('delete from dead_letters where event_id = $1 and consumer = $2', [eventId, consumer])
}

/** The consumer has failed again. */
export async function keepDeadLetter (db: Queryable, eventId: string, consumer: string, reason: string): Promise<void> {
  await db.query('update dead_letters set reason = $3, died_at = now() where event_id = $1 and consumer = $2', [eventId, consumer, reason])
}
