import { confirmGenerations } from '@fastify-uws-auth/auth-contract'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'

const SESSIONS = 300
const AT_ONCE = 100
const CALLS = 800
const PROCESSES = 16

t.test('processes that confirm some of the same sessions at once do not deadlock', async t => {
  const { pool } = await createDatabase(t)
  const { rows } = await pool.query<{ id: string }>(
    `with someone as (insert into users (username, password_hash, password_pepper_version) values ('someone', 'x', 1) returning id)
     insert into sessions (user_id, secret_hash, generation, amr, expires_at, idle_expires_at)
     select id, decode(repeat('00', 32), 'hex'), $1, '{pwd}', now() + interval '1 day', now() + interval '1 day' from someone, generate_series(1, $2)
     returning id`, [CALLS, SESSIONS])
  const ids = rows.map(({ id }) => id)
  let calls = 0
  await Promise.all(Array.from({ length: PROCESSES }, async () => {
    while (calls < CALLS) {
      const generation = ++calls                      // each time there is something to write
      const some = Array.from({ length: AT_ONCE }, () => ids[Math.floor(Math.random() * SESSIONS)]!)
      await confirmGenerations(pool, some, some.map(() => generation))
    }
  }))
  await confirmGenerations(pool, ids, ids.map(() => CALLS))
  t.same((await pool.query('select distinct confirmed_generation as generation from sessions')).rows, [{ generation: CALLS }])
})
