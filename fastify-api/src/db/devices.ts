import type { RequestOrigin } from '../request-origin.js'
import type { Queryable } from './queryable.js'

export interface DeviceRow {
  id: string
  current: boolean
  createdAt: Date
  lastUsedAt: Date
  userAgent: string | null
  ip: string | null
}

/** What a sign-in knows of its device. */
export interface SeenDevice {
  userId: string
  /** Recognised by its cookie before the password was compared. */
  id: string | null
  /** Of the cookie that came along, whether it is known or not. */
  secretHash: Buffer | undefined
  /** Of a fresh value, should the device need one. */
  freshSecretHash: Buffer
  origin: RequestOrigin
}

/** `cookie` says which value the browser shall have: what it sent, the fresh one, or what another answer gives it. */
export interface RememberedDevice { id: string, isNew: boolean, cookie: 'kept' | 'fresh' | 'moved' }

/** @param userId undefined for an unknown user: the same statement, which finds nothing */
export async function findDevice (db: Queryable, userId: string | undefined, secretHash: Buffer): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find-device', text: 'select id from devices where secret_hash = $2 and user_id = $1', values: [userId, secretHash]
  })
  return rows[0]?.id
}

/** The device of a session, unless it has been forgotten. */
export async function findDeviceOfSession (db: Queryable, userId: string, sessionId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find-device-of-session',
    text: 'select d.id from sessions s join devices d on d.user_id = s.user_id and d.id = s.device_id where s.id = $2 and s.user_id = $1',
    values: [userId, sessionId]
  })
  return rows[0]?.id
}

/**
 * Makes the device of a successful sign-in known, or notes that it was used. A value that this user did not know is
 * never adopted, somebody may have planted it: the device gets the fresh one, and takes the other users of the old
 * one along, so that all stay recognised. For the transaction that makes the session, behind the lock of the account.
 * @param maximum how many devices the user may have; those unused the longest go
 */
export async function rememberDevice (db: Queryable, device: SeenDevice, maximum: number): Promise<RememberedDevice> {
  const { userId, id, secretHash, freshSecretHash, origin: { ip, userAgent } } = device
  if (id !== null) {
    const { rows } = await db.query<{ kept: boolean }>({
      name: 'touch-device',
      text: `update devices set last_used_at = now(), user_agent = $3, ip = $4 where id = $2 and user_id = $1
             returning secret_hash = $5 as kept`,
      values: [userId, id, userAgent, ip, secretHash]
    })
    // Moved meanwhile by another user of the browser, whose answer carries the value; sending the old one would undo it.
    if (rows[0]) return { id, isNew: false, cookie: rows[0].kept ? 'kept' : 'moved' }
  }
  const { rows } = await db.query<{ id: string }>({
    name: 'add-device',
    // Rows are locked in one order: two users may sign in from one browser at once.
    text: `with shared as (
             select id from devices where secret_hash = $2 and user_id <> $1 order by id for update
           ), moved as (
             update devices d set secret_hash = $3 from shared where d.id = shared.id
           ), excess as (
             delete from devices where user_id = $1 and id in
               (select id from devices where user_id = $1 order by last_used_at desc, id desc offset $6::int - 1)
           )
           insert into devices (user_id, secret_hash, user_agent, ip) values ($1, $3, $4, $5) returning id`,
    values: [userId, secretHash, freshSecretHash, userAgent, ip, maximum]
  })
  return { id: rows[0]!.id, isNew: true, cookie: 'fresh' }
}

/** The devices of a user, the one that was used last first. @param sessionId whose device is the current one */
export async function listDevices (db: Queryable, userId: string, sessionId: string): Promise<DeviceRow[]> {
  const { rows } = await db.query<DeviceRow>(
    `select id, id is not distinct from (select device_id from sessions where id = $2 and user_id = $1) as current,
            created_at as "createdAt", last_used_at as "lastUsedAt", user_agent as "userAgent", host(ip) as ip
       from devices where user_id = $1 order by last_used_at desc, id desc`, [userId, sessionId])
  return rows
}

/** Its count of wrong passwords goes with it. @returns false for anybody else's and an unknown one */
export async function deleteDevice (db: Queryable, userId: string, deviceId: string): Promise<boolean> {
  const { rowCount } = await db.query('delete from devices where user_id = $1 and id = $2', [userId, deviceId])
  return rowCount === 1
}

export async function deleteDevicesOfUser (db: Queryable, userId: string): Promise<void> {
  await db.query('delete from devices where user_id = $1', [userId])
}

/** Deletes devices whose cookie no browser has any more, a batch at a time. @returns how many rows went */
export async function deleteUnusedDevices (db: Queryable, unusedSeconds: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from devices where id in
       (select id from devices where last_used_at < now() - $1::float8 * interval '1 second' order by last_used_at limit $2)`, [unusedSeconds, batch])
  return rowCount ?? 0
}
