import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { rotateSession } from '../src/db/rotate-session.js'
import { isDatabaseUnavailable } from '../src/db/unavailable.js'
import { createUser } from './fixtures/mails.js'

const LIMITS = { replayWindowMs: 500, idleLifetimeMs: 60_000 }
const ORIGIN = { requestId: 'a-request', ip: '192.0.2.1' }
const SECRET_HASH = Buffer.alloc(32, 1)

t.test('a copy of a token that came within the replay window is not judged after it', async t => {
  const { pool } = await createDatabase(t)
  const { rows: [session] } = await pool.query<{ id: string }>(
    "insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at) values ($1, $2, '{pwd}', now() + interval '1 day', now() + interval '1 day') returning id",
    [await createUser(pool, 'ada'), SECRET_HASH])
  const token = { sessionId: session!.id, secretHash: SECRET_HASH, generation: 0 }
  t.match(await rotateSession(pool, token, LIMITS, ORIGIN), { outcome: 'rotate', generation: 1 })
  await pool.query('update sessions set confirmed_generation = 1 where id = $1', [session!.id])

  // PostgreSQL answers the first question late: longer than the window.
  const slow = Object.create(pool, {
    query: { value: async (...args: Parameters<typeof pool.query>) => { await sleep(1100); return await pool.query(...args) } }
  }) as typeof pool
  const failure: unknown = await rotateSession(slow, token, LIMITS, ORIGIN).catch((err: unknown) => err)
  t.ok(isDatabaseUnavailable(failure), 'the client repeats it')
  t.match((await pool.query('select generation, revoked_at from sessions where id = $1', [session!.id])).rows, [{ generation: 1, revoked_at: null }])
  t.match(await rotateSession(pool, token, LIMITS, ORIGIN), { outcome: 'theft' }, 'whoever comes now is too late')
})
