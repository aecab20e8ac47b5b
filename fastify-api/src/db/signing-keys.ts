import type { Queryable } from './queryable.js'

/** Notes that a key signs access tokens. The first to note a key that has predecessors records `key.rotated`, nobody else does. */
export async function noteSigningKey (db: Queryable, kid: string): Promise<void> {
  await db.query(
    `with noted as (
       insert into signing_keys (kid) values ($1) on conflict do nothing returning kid
     )
     insert into outbox (type, data)
     select 'key.rotated', jsonb_build_object('kid', kid) from noted where exists (select from signing_keys)`, [kid])
}
