import { IS_CLOSED } from './guess-ceilings.js'
import type { Queryable } from './queryable.js'

export interface Credentials {
  id: string
  username: string
  passwordHash: string
  passwordPepperVersion: number
  /** Exact text of the instant: a Date would lose its microseconds. */
  passwordChangedAt: string
  disabled: boolean
  /** Exact text of the instant from which wrong passwords count, in any time zone the same. */
  guessesForgottenAt: string
}

export interface Account {
  id: string
  username: string
  email: string | null
  createdAt: Date
  passwordChangedAt: Date
}

export interface AccountRow extends Account {
  disabledAt: Date | null
  /** True while wrong passwords have closed it to some device. */
  locked: boolean
}

export interface NewPassword { hash: string, pepperVersion: number }

const ACCOUNT = 'id, username, email, created_at as "createdAt", password_changed_at as "passwordChangedAt"'

const CREDENTIALS = `id, username, password_hash as "passwordHash", password_pepper_version as "passwordPepperVersion",
  password_changed_at::text as "passwordChangedAt", disabled_at is not null as disabled,
  extract(epoch from guesses_forgotten_at)::text as "guessesForgottenAt"`

/** @param identifier canonical username or e-mail address */
export async function findCredentials (db: Queryable, identifier: string): Promise<Credentials | undefined> {
  const { rows } = await db.query<Credentials>({
    name: 'find-credentials',
    // A username cannot hold an @, so one identifier never names two accounts.
    text: `select ${CREDENTIALS} from users where username = $1 or email = $1`,
    values: [identifier]
  })
  return rows[0]
}

export async function findCredentialsById (db: Queryable, userId: string): Promise<Credentials | undefined> {
  const { rows } = await db.query<Credentials>({ name: 'find-credentials-by-id', text: `select ${CREDENTIALS} from users where id = $1`, values: [userId] })
  return rows[0]
}

export async function findUsername (db: Queryable, userId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ username: string }>({ name: 'find-username', text: 'select username from users where id = $1', values: [userId] })
  return rows[0]?.username
}

export async function findAccount (db: Queryable, userId: string): Promise<Account | undefined> {
  const { rows } = await db.query<Account>({ name: 'find-account', text: `select ${ACCOUNT} from users where id = $1`, values: [userId] })
  return rows[0]
}

export async function listAccounts (db: Queryable): Promise<AccountRow[]> {
  const { rows } = await db.query<AccountRow>(
    `select ${ACCOUNT}, disabled_at as "disabledAt", exists (select from guess_ceilings g where g.user_id = users.id and g.${IS_CLOSED}) as locked
       from users order by username`)
  return rows
}

/** Makes an account and tells so. @returns false when the username or the e-mail address is taken */
export async function createUser (db: Queryable, username: string, email: string | null, password: NewPassword): Promise<boolean> {
  const { rowCount } = await db.query(
    `with created as (
       insert into users (username, email, password_hash, password_pepper_version) values ($1, $2, $3, $4)
       on conflict do nothing returning id, username
     )
     insert into outbox (type, user_id, data) select 'user.registered', id, jsonb_build_object('username', username) from created`, [username, email, password.hash, password.pepperVersion])
  return rowCount === 1
}

/** Replaces a hash by a stronger one of the same password, unless the password has changed meanwhile. */
export async function upgradePasswordHash (db: Queryable, userId: string, oldHash: string, password: NewPassword): Promise<void> {
  await db.query(
    'update users set password_hash = $3, password_pepper_version = $4 where id = $1 and password_hash = $2',
    [userId, oldHash, password.hash, password.pepperVersion])
}

/** @returns false when there is no such user */
export async function setPassword (db: Queryable, userId: string, password: NewPassword): Promise<boolean> {
  const { rowCount } = await db.query(
    'update users set password_hash = $2, password_pepper_version = $3, password_changed_at = now() where id = $1',
    [userId, password.hash, password.pepperVersion])
  return rowCount === 1
}

/** @returns false when there is no such user; disabling twice keeps the first instant */
export async function setDisabled (db: Queryable, userId: string, disabled: boolean): Promise<boolean> {
  const { rowCount } = await db.query(
    'update users set disabled_at = case when $2 then coalesce(disabled_at, now()) end where id = $1', [userId, disabled])
  return rowCount === 1
}
