import type { EventData, Revocation } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import type { RequestOrigin } from '../request-origin.js'
import { rememberDevice, type RememberedDevice, type SeenDevice } from './devices.js'
import { ENDED, newsBy } from './end-sessions.js'
import { forgetGuesses } from './guess-ceilings.js'
import { inTransaction } from './queryable.js'
import { IS_LIVING } from './sessions.js'

export interface NewSession {
  userId: string
  /** When the verified password was set; the session is refused when it has been changed since. */
  passwordChangedAt: string
  secretHash: Buffer
  amr: string[]
  origin: RequestOrigin
  device: Pick<SeenDevice, 'id' | 'freshSecretHash'>
  maxAgeMs: number
  idleLifetimeMs: number
  /** Session of the cookie that came with the sign-in; it ends with reason `replaced`. */
  replaces: { sessionId: string, secretHash: Buffer } | undefined
  /** How many living sessions and how many devices the user may have, with these. */
  maximum: { sessions: number, devices: number }
}

export interface CreatedSession {
  id: string
  createdAt: Date
  expiresAt: Date
  idleExpiresAt: Date
  device: RememberedDevice
  /** What ended with reason `replaced` to make room. */
  ended: Revocation[]
}

// Sign-ins of one user take turns with each other and with a ban or password change: whoever comes second sees the
// other's work. Without it a session made meanwhile would survive the ban, and a burst would exceed the maximum.
const LOCK_ACCOUNT = `
select first_session_id is null as "isFirst" from users
 where id = $1 and password_changed_at = $2::timestamptz and disabled_at is null for no key update`

// A statement of its own: its snapshot is from after the wait for the lock. Rows are locked in the order that
// endAllSessions locks them in, so that the two cannot deadlock. Which ones is an array: with `or` and a sub-select in its
// place PostgreSQL uses no index and reads the sessions of everybody.
const CREATE = `
with excess as (
  select id from sessions
   where user_id = $1 and ${IS_LIVING} and (id = $8 and secret_hash = $9) is not true
   order by created_at desc, id desc offset $10::int - 1
), locked as (
  select id from sessions
   where revoked_at is null and id = any (array(select id from excess union all select id from sessions where id = $8 and secret_hash = $9))
   order by id for update
), ended as (
  update sessions s set revoked_at = clock_timestamp(), revoke_reason = 'replaced'
    from locked where s.id = locked.id and s.revoked_at is null returning s.*
), ${newsBy('$11')}, created as (
  insert into sessions (user_id, secret_hash, amr, user_agent, ip, rotated_ip, device_id, expires_at, idle_expires_at)
  values ($1, $2, $3, $4, $5, $5, $13, now() + $6::float8 * interval '1 millisecond', now() + least($6::float8, $7::float8) * interval '1 millisecond')
  returning *
), signed_in as (
  insert into outbox (type, user_id, session_id, request_id, data)
  select 'login.succeeded', user_id, id, $11::text, $12::jsonb from created
)
select id, created_at as "createdAt", expires_at as "expiresAt", idle_expires_at as "idleExpiresAt",
       (select coalesce(json_agg(e), '[]') from (${ENDED}) e) as ended
  from created`

/**
 * Makes a session, makes its device known and ends the count of wrong passwords, in one transaction. A session that
 * would exceed the maximum ends the user's oldest: no burst of sign-ins leaves more.
 * @returns undefined when the account was disabled or its password changed since it was verified
 */
export async function createSession (pool: pg.Pool, session: NewSession): Promise<CreatedSession | undefined> {
  return await inTransaction(pool, async db => {
    const { rows: [account] } = await db.query<{ isFirst: boolean }>({ name: 'lock-account', text: LOCK_ACCOUNT, values: [session.userId, session.passwordChangedAt] })
    if (account === undefined) return undefined
    const { userId, origin, maximum } = session
    const { ip, userAgent, requestId } = origin
    const device = await rememberDevice(db, { userId, origin, ...session.device }, maximum.devices)
    await forgetGuesses(db, userId, session.device.id)
    const told: Omit<EventData<'login.succeeded'>, 'sessionId'> = { ip, userAgent, deviceId: device.id, newDevice: device.isNew, amr: session.amr }
    const { rows: [created] } = await db.query<Omit<CreatedSession, 'device'>>({
      name: 'create-session',
      text: CREATE,
      values: [
        userId, session.secretHash, session.amr, userAgent, ip, session.maxAgeMs, session.idleLifetimeMs,
        session.replaces?.sessionId, session.replaces?.secretHash, maximum.sessions,
        requestId, JSON.stringify(told), device.id
      ]
    })
    if (account.isFirst) await db.query('update users set first_session_id = $2 where id = $1', [userId, created!.id])
    return { ...created!, device }
  })
}
