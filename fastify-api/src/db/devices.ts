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
  /** Of a fresh secret, should the device be new. */
  freshSecretHash: Buffer
  origin: RequestOrigin
}

/** `isNew`: it has the fresh secret. */
export interface RememberedDevice { id: string, isNew: boolean }

/**
 * @param userId undefined for an unknown user: the same statement, which finds nothing
 * @param lifetimeSeconds since the last sign-in, after which a device is unknown again
 */
export async function findDevice (db: Queryable, userId: string | undefined, secretHashes: readonly Buffer[], lifetimeSeconds: number): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find-device',
    text: `select id from devices
            where secret_hash = any ($2::bytea[]) and user_id = $1 and last_used_at > now() - $3::float8 * interval '1 second'
            order by last_used_at desc limit 1`,
    values: [userId, secretHashes, lifetimeSeconds]
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
 * Makes the device of a successful sign-in known, under a secret that nobody else can have planted, or notes that it was
 * used. For the transaction that makes the session, behind the lock of the account.
 * @param maximum how many devices the user may have; those unused the longest go
 */
export async function rememberDevice (db: Queryable, device: SeenDevice, maximum: number): Promise<RememberedDevice> {
  const { userId, id, freshSecretHash, origin: { ip, userAgent } } = device
  if (id !== null) {
    const { rowCount } = await db.query({
      name: 'touch-device',
      text: 'update devices set last_used_at = now(), user_agent = $3, ip = $4 where id = $2 and user_id = $1',
      values: [userId, id, userAgent, ip]
    })
    if (rowCount === 1) return { id, isNew: false }             // otherwise it has been forgotten meanwhile
  }
  const { rows } = await db.query<{ id: string }>({
    name: 'add-device',
    text: `with excess as (
             delete from devices where user_id = $1 and id in
               (select id from devices where user_id = $1 order by last_used_at desc, id desc offset $5::int - 1)
           )
           insert into devices (user_id, secret_hash, user_agent, ip) values ($1, $2, $3, $4) returning id`,
    values: [userId, freshSecretHash, userAgent, ip, maximum]
  })
  return { id: rows[0]!.id, isNew: true }
}

/** The devices of a user, the one that was used last first. @param sessionId whose device is the current one */
export async function listDevices (db: Queryable, userId: string, sessionId: string): Promise<DeviceRow[]> {
  const { rows } = await db.query<DeviceRow>({
    name: 'list-devices',
    text: `select id, id is not distinct from (select device_id from sessions where id = $2 and user_id = $1) as current,
                  created_at as "createdAt", last_used_at as "lastUsedAt", user_agent as "userAgent", host(ip) as ip
             from devices where user_id = $1 order by last_used_at desc, id desc`,
    values: [userId, sessionId]
  })
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

/**
 * Deletes devices whose cookie no browser has any more, a batch at a time, when the month of their last use is over for so long.
 * @returns how many rows went
 */
export async function deleteUnusedDevices (db: Queryable, unusedSeconds: number, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from devices where id in
       (select id from devices where last_used_month < date_trunc('month', (now() - $1::float8 * interval '1 second') at time zone 'UTC')
         order by last_used_month limit $2)`, [unusedSeconds, batch])
  return rowCount ?? 0
}
