// Keeps what oidc-provider has to remember in PostgreSQL, by the adapter contract of its documentation: one table, a
// statement for each of the contract's functions, prepared, with the indices that its searches need.
const TABLE = `
create table if not exists oidc_models (
  model text not null,
  id text not null,
  payload jsonb not null,
  grant_id text,
  user_code text,
  uid text,
  expires_at timestamptz,
  consumed_at timestamptz,
  primary key (model, id)
);
create index if not exists oidc_models_grant on oidc_models (grant_id) where grant_id is not null;
create index if not exists oidc_models_user_code on oidc_models (user_code) where user_code is not null;
create index if not exists oidc_models_uid on oidc_models (uid) where uid is not null;`

const UPSERT = `
insert into oidc_models (model, id, payload, grant_id, user_code, uid, expires_at)
values ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 second')
on conflict (model, id) do update
   set payload = excluded.payload, grant_id = excluded.grant_id, user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`
const FIND = 'select payload, extract(epoch from consumed_at)::int as consumed from oidc_models where model = $1 and '
const NOT_EXPIRED = ' and (expires_at is null or expires_at > now())'

/** @returns the adapter class that oidc-provider makes one object of for each of its models */
export async function createAdapter (pool) {
  await pool.query(TABLE)
  const find = async (model, column, value) => {
    const { rows } = await pool.query({ name: `find-by-${column}`, text: `${FIND}${column} = $2${NOT_EXPIRED}`, values: [model, value] })
    if (rows.length === 0) return undefined
    const { payload, consumed } = rows[0]
    return consumed === null ? payload : { ...payload, consumed }
  }
  return class PostgresAdapter {
    constructor (model) {
      this.model = model
    }

    async upsert (id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload
      await pool.query({ name: 'upsert', text: UPSERT, values: [this.model, id, JSON.stringify(payload), grantId, userCode, uid, expiresIn] })
    }

    find (id) {
      return find(this.model, 'id', id)
    }

    findByUid (uid) {
      return find(this.model, 'uid', uid)
    }

    findByUserCode (userCode) {
      return find(this.model, 'user_code', userCode)
    }

    async consume (id) {
      await pool.query({ name: 'consume', text: 'update oidc_models set consumed_at = now() where model = $1 and id = $2', values: [this.model, id] })
    }

    async destroy (id) {
      await pool.query({ name: 'destroy', text: 'delete from oidc_models where model = $1 and id = $2', values: [this.model, id] })
    }

    async revokeByGrantId (grantId) {
      await pool.query({ name: 'revoke-by-grant', text: 'delete from oidc_models where grant_id = $1', values: [grantId] })
    }
  }
}
