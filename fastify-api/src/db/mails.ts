import type { Queryable } from './queryable.js'

export type MailTemplate = 'new_device' | 'session_theft' | 'password_changed' | 'account_locked'

/** What a text can say of an event. `ip` and `userAgent` are what the client sent; `knownDevice`: it was one of the user's. */
export interface MailDetails { ip?: string | null, userAgent?: string | null, by?: 'user' | 'admin', failures?: number, knownDevice?: boolean }

/** A mail that an event asks for. */
export interface NewMail {
  eventId: string
  template: MailTemplate
  userId: string
  sessionId: string | undefined
  /** Of the request that the event came from. */
  requestId: string | undefined
  /** RFC 3339. */
  occurredAt: string
  details: MailDetails
}

export interface Mail {
  id: string
  template: MailTemplate
  recipient: string
  occurredAt: Date
  createdAt: Date
  details: MailDetails & { username: string }
  requestId: string | null
  /** Counts this one. */
  attempt: number
}

export interface PlannedMail { template: MailTemplate, state: 'waiting' | 'suppressed' }

/**
 * Writes the mails of users that exist and have an address, each once however often its event comes. Call it in a
 * transaction.
 * @param perHour how many of one template a user gets within an hour; further ones are `suppressed`
 * @returns those that are new
 */
export async function planMails (db: Queryable, mails: readonly NewMail[], perHour: number): Promise<PlannedMail[]> {
  // One at a time for each user, so that the count below is exact; in one order, so that two batches cannot deadlock.
  const users = [...new Set(mails.map(({ userId }) => userId))].sort()
  await db.query('select pg_advisory_xact_lock(hashtextextended(user_id, 0)) from unnest($1::text[]) as u (user_id)', [users])
  const { rows } = await db.query<PlannedMail>(
    `with asked as (
       select distinct on ("eventId", template) * from jsonb_to_recordset($1)
           as a ("eventId" uuid, template text, "userId" uuid, "sessionId" uuid, "requestId" text, "occurredAt" timestamptz, details jsonb)
     ), fresh as (
       select a.*, u.email, u.username, row_number() over (partition by a."userId", a.template order by a."occurredAt", a."eventId") as place
         -- The array tells how many users there are; of a record set PostgreSQL expects a hundred rows, and reads all users.
         from asked a join users u on u.id = a."userId" and u.id = any ($3::uuid[])
        where u.email is not null
          and not exists (select from mails m where m.event_id = a."eventId" and m.template = a.template)
          -- Whoever has just got an account signs in for the first time, and knows it.
          and (a.template <> 'new_device' or u.created_at < a."occurredAt" - interval '1 hour'
               or u.first_session_id is distinct from a."sessionId")
     ), judged as (
       select f.*, f.place + (select count(*) from mails m where m.user_id = f."userId" and m.template = f.template
                                 and m.state <> 'suppressed' and m.created_at > now() - interval '1 hour') > $2 as too_many
         from fresh f
     )
     insert into mails (event_id, template, user_id, recipient, request_id, occurred_at, details, state, finished_at)
     select "eventId", template, "userId", email, "requestId", "occurredAt", details || jsonb_build_object('username', username),
            case when too_many then 'suppressed' else 'waiting' end, case when too_many then now() end
       from judged
     on conflict do nothing
     returning template, state`, [JSON.stringify(mails), perHour, users])
  return rows
}

/**
 * Takes mails that are due for one caller, however many ask at once; when `leaseMs` have passed and nothing was said
 * about one, another may take it.
 * @param limit how many at most
 */
export async function claimDueMails (db: Queryable, limit: number, leaseMs: number): Promise<Mail[]> {
  const { rows } = await db.query<Mail>({
    name: 'claim-due-mails',
    text: `update mails set attempts = attempts + 1, next_try_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
            where id = any (array(select id from mails where state = 'waiting' and next_try_at <= clock_timestamp()
                                   order by next_try_at limit $1 for update skip locked))
        returning id, template, recipient, occurred_at as "occurredAt", created_at as "createdAt", details, request_id as "requestId", attempts as attempt`,
    values: [limit, leaseMs]
  })
  return rows
}

/** Even when another has taken it over meanwhile: it went out. */
export async function markMailSent (db: Queryable, id: string): Promise<void> {
  await db.query("update mails set state = 'sent', finished_at = now(), last_error = null where id = $1 and state = 'waiting'", [id])
}

/**
 * Lets a mail wait for another try, or abandons it.
 * @param retryInMs until the next try; undefined when another would not help
 * @param giveUpAfterMs abandons it also when it has waited so long
 * @returns what has become of it; undefined when another worker has it by now
 */
export async function markMailFailed (db: Queryable, mail: Pick<Mail, 'id' | 'attempt'>, error: string, retryInMs: number | undefined, giveUpAfterMs: number): Promise<'waiting' | 'abandoned' | undefined> {
  const { rows } = await db.query<{ state: 'waiting' | 'abandoned' }>(
    `update mails m set last_error = $3, state = case when f.final then 'abandoned' else 'waiting' end, finished_at = case when f.final then now() end,
            next_try_at = now() + coalesce($4::float8, 0) * interval '1 millisecond'
       from (select id, $4::float8 is null or waiting_since <= now() - $5::float8 * interval '1 millisecond' as final from mails where id = $1) f
      where m.id = f.id and m.attempts = $2 and m.state = 'waiting'
  returning m.state`, [mail.id, mail.attempt, error, retryInMs, giveUpAfterMs])
  return rows[0]?.state
}

export async function countWaitingMails (db: Queryable): Promise<number> {
  const { rows } = await db.query<{ count: number }>("select count(*)::int as count from mails where state = 'waiting'")
  return rows[0]!.count
}

/** Deletes mails that were sent, abandoned or suppressed so long ago, a batch at a time. @returns how many rows went */
export async function deleteFinishedMails (db: Queryable, olderThanMs: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from mails where id = any (array(select id from mails where state <> 'waiting' and finished_at < now() - $1::float8 * interval '1 millisecond'
      order by finished_at limit $2 for update skip locked))`, [olderThanMs, batch])
  return rowCount ?? 0
}
