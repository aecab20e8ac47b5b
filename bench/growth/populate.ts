import { createHash } from 'node:crypto'
import type { PoolClient } from 'pg'
import { progress } from '../harness/command-line.js'
import type { BenchDatabase } from '../harness/database.js'

const STEP = 100_000
/** What every living session of the population has. */
export const GENERATION = 40

// Everybody has signed in once in the last 29 days and refreshed within the last three; every second has a session that
// has ended, too. Rows come in the order of time, and ids begin with the time, as they do in a database in use.
const PREPARE = `
create function pg_temp.id_at (at timestamptz, seed text) returns uuid language sql immutable as $$
  select encode(overlay(decode(md5(seed), 'hex') placing substring(int8send((extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6), 'hex')::uuid
$$;
create temporary table people as
  select n, user_id, place, now() - interval '29 days' * (1 - place::float8 / count(*) over ()) as signed_in_at
    from (select id as user_id, substring(username from 5)::int as n, row_number() over (order by random()) as place from users where username ~ '^user[0-9]+$') u;
create index on people (place);
analyze people;
select make_audit_month(month) from generate_series(now() - interval '30 days', now(), interval '10 days') month`

const BROWSER = "'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36'"
const ADDRESS = "('10.' || n / 65536 % 256 || '.' || n / 256 % 256 || '.' || n % 256)::inet"
const SOME = 'from people where place > $1 and place <= $2'
const HALF = `${SOME} and n % 2 = 0`

const FILL = [
  `insert into devices (id, user_id, secret_hash, user_agent, ip, created_at, last_used_at)
   select pg_temp.id_at(signed_in_at, 'device' || n), user_id, sha256(convert_to(rpad('device' || n || '-', 43, 'x'), 'UTF8')), ${BROWSER}, ${ADDRESS}, signed_in_at, signed_in_at ${SOME}`,
  `insert into sessions (id, user_id, device_id, secret_hash, amr, user_agent, ip, rotated_ip, generation, rotated_from, confirmed_generation, outcome,
                         created_at, authenticated_at, expires_at, rotated_at, idle_expires_at)
   select pg_temp.id_at(signed_in_at, 'living' || n), user_id, pg_temp.id_at(signed_in_at, 'device' || n), sha256(sha256(convert_to('family' || n, 'UTF8'))), '{pwd}',
          ${BROWSER}, ${ADDRESS}, ${ADDRESS}, ${GENERATION}, ${GENERATION - 1}, ${GENERATION - 1}, 'rotate',
          signed_in_at, signed_in_at, signed_in_at + interval '30 days', now() - interval '1 hour' - n % 3 * interval '1 day', now() + interval '3 days' ${SOME}`,
  `insert into sessions (id, user_id, device_id, secret_hash, amr, user_agent, ip, rotated_ip, generation, created_at, authenticated_at, expires_at, idle_expires_at, revoked_at, revoke_reason)
   select pg_temp.id_at(signed_in_at, 'ended' || n), user_id, pg_temp.id_at(signed_in_at, 'device' || n), sha256(convert_to('ended' || n, 'UTF8')), '{pwd}',
          ${BROWSER}, ${ADDRESS}, ${ADDRESS}, 3, signed_in_at, signed_in_at, signed_in_at + interval '30 days', signed_in_at + interval '7 days', signed_in_at + interval '1 hour', 'logout' ${HALF}`,
  `insert into audit_log (event_id, occurred_at, type, user_id, session_id, request_id, ip, user_agent, data)
   select pg_temp.id_at(signed_in_at, 'signed in' || n), signed_in_at, 'login.succeeded', user_id, pg_temp.id_at(signed_in_at, 'living' || n), md5(n::text), ${ADDRESS}, ${BROWSER},
          jsonb_build_object('amr', '["pwd"]'::jsonb, 'deviceId', pg_temp.id_at(signed_in_at, 'device' || n), 'newDevice', false) ${SOME}`,
  `insert into audit_log (event_id, occurred_at, type, user_id, session_id, request_id, data)
   select pg_temp.id_at(signed_in_at, 'signed out' || n), least(now(), signed_in_at + interval '1 hour'), 'session.revoked', user_id, pg_temp.id_at(signed_in_at, 'ended' || n), md5(n::text), '{"reason": "logout"}' ${HALF}`,
  `insert into revocations (sid, user_id, reason, revoked_at)
   select pg_temp.id_at(signed_in_at, 'ended' || n), user_id, 'logout', signed_in_at ${HALF} and signed_in_at > now() - interval '24 hours'`,
  `insert into socket_presence (process_id, session_id)
   select '00000000-0000-4000-8000-000000000000', pg_temp.id_at(signed_in_at, 'living' || n) ${SOME} and n % 10 = 0`
]

/**
 * Gives each `user<n>` of a database what it would have after a month: a known device, a session that can be refreshed, one
 * that has ended for every second, the audit log of these; a tenth have an open socket. Analysed and written to disk in the end.
 */
export async function populate ({ admin }: BenchDatabase, users: number): Promise<void> {
  const db = await admin.connect()
  try {
    await fill(db, users)
  } finally {
    db.release(true)                                  // its temporary tables end with it
  }
}

async function fill (db: PoolClient, users: number): Promise<void> {
  await db.query("alter system set max_wal_size = '8GB'")
  await db.query('select pg_reload_conf()')
  // Without notifications to everybody for what ended long ago, nor a look at each user for each row.
  await db.query('set session_replication_role = replica')
  await db.query(PREPARE)
  await db.query("insert into socket_processes values ('00000000-0000-4000-8000-000000000000', now() + interval '1 day')")
  for (let from = 0; from < users; from += STEP) {
    for (const statement of FILL) await db.query(statement, [from, from + STEP])
    if (users > STEP) progress(`filling: ${Math.min(users, from + STEP)} of ${users} users`)
  }
  await db.query('vacuum analyze')
  await db.query('alter system reset max_wal_size')
  await db.query('select pg_reload_conf()')
  await db.query('checkpoint')
}

/** What the refresh cookie of the living session of `user<n>` holds. */
export function familySecret (n: number): Buffer {
  return createHash('sha256').update(`family${n}`).digest()
}

/** The device cookie of `user<n>`. */
export function deviceSecret (n: number): string {
  return `device${n}-`.padEnd(43, 'x')
}
