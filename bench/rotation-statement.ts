// What a rotation costs PostgreSQL: WAL bytes, HOT updates, and the size of the table before and after many of them.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { rotateSession } from '../fastify-api/src/db/rotate-session.js'
import { progress, readArguments, wholeNumber } from './harness/command-line.js'
import { startBenchDatabase } from './harness/database.js'
import { withTeardown } from './harness/teardown.js'

const [ROTATIONS] = readArguments(['rotations', wholeNumber, 500_000])
const SESSIONS = 1000
const CONNECTIONS = 8
const LIMITS = { replayWindowMs: 0, idleLifetimeMs: 7 * 86_400_000 }

interface State { relationBytes: number, indexBytes: number, updates: number, hotUpdates: number, lsn: string }

await withTeardown(async t => {
  const { url } = await startBenchDatabase(t)
  const pool = new pg.Pool({ connectionString: url('postgres'), max: CONNECTIONS })
  pool.on('error', () => {})                          // PostgreSQL may be faster than the goodbye of a connection
  t.teardown(() => pool.end())
  const sessions = await createSessions(pool)
  await rotate(pool, sessions, SESSIONS * 20)         // the pages find their size
  await pool.query('checkpoint')
  const before = await readState(pool)
  const start = performance.now()
  const sizes = [before.relationBytes]
  for (let fifth = 0; fifth < 5; fifth++) {
    await rotate(pool, sessions, ROTATIONS / 5)
    const { rows: [size] } = await pool.query<{ bytes: number }>("select pg_relation_size('sessions')::int as bytes")
    sizes.push(size!.bytes)
    progress(`${(fifth + 1) * 20} %`)
  }
  const seconds = (performance.now() - start) / 1000
  const after = await readState(pool)
  const { rows: [wal] } = await pool.query<{ bytes: number }>('select pg_wal_lsn_diff($1, $2)::float8 as bytes', [after.lsn, before.lsn])
  const updates = after.updates - before.updates
  console.log(`${updates} rotations of ${SESSIONS} sessions over ${CONNECTIONS} connections in ${seconds.toFixed(0)} s, fsync on`)
  console.table({
    'rotations/s': { measured: Math.round(updates / seconds) },
    'WAL bytes per rotation, full-page images included': { measured: Math.round(wal!.bytes / updates) },
    'HOT updates, %': { measured: Number(((after.hotUpdates - before.hotUpdates) / updates * 100).toFixed(2)), aim: '≥ 99' },
    'table, KB, before and after each fifth': { measured: sizes.map(bytes => bytes / 1024).join(' '), aim: 'constant' },
    'indexes, KB before': { measured: before.indexBytes / 1024 },
    'indexes, KB after': { measured: after.indexBytes / 1024, aim: 'constant' }
  })
})

async function createSessions (pool: pg.Pool): Promise<Array<{ sessionId: string, secretHash: Buffer, generation: number }>> {
  const { rows: [user] } = await pool.query<{ id: string }>(
    "insert into users (username, password_hash, password_pepper_version) values ('bench', 'none', 1) returning id")
  const secretHashes = Array.from({ length: SESSIONS }, () => randomBytes(32))
  const { rows } = await pool.query<{ sessionId: string, secretHash: Buffer }>(
    `insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at)
     select $1, hash, '{pwd}', now() + interval '30 days', now() + interval '7 days' from unnest($2::bytea[]) hash
     returning id as "sessionId", secret_hash as "secretHash"`, [user!.id, secretHashes])
  return rows.map(row => ({ ...row, generation: 0 }))
}

async function rotate (pool: pg.Pool, sessions: Array<{ sessionId: string, secretHash: Buffer, generation: number }>, count: number): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: CONNECTIONS }, async (_, lane) => {
    while (next < count) {
      const turn = next++
      // Each lane keeps to its own sessions, so that generations go up one by one.
      const session = sessions[(Math.floor(turn / CONNECTIONS) * CONNECTIONS + lane) % SESSIONS]!
      const outcome = await rotateSession(pool, session, LIMITS, { requestId: 'bench', ip: '127.0.0.1' })
      if (outcome?.outcome !== 'rotate') throw new Error(`expected a rotation, got ${outcome?.outcome}`)
      session.generation = outcome.generation
    }
  }))
}

async function readState (pool: pg.Pool): Promise<State> {
  await pool.query('select pg_stat_force_next_flush()')
  await new Promise(resolve => setTimeout(resolve, 1500))
  const { rows } = await pool.query<State>(
    `select pg_relation_size('sessions')::int as "relationBytes", pg_indexes_size('sessions')::int as "indexBytes",
            n_tup_upd::int as updates, n_tup_hot_upd::int as "hotUpdates", pg_current_wal_lsn()::text as lsn
       from pg_stat_user_tables where relname = 'sessions'`)
  return rows[0]!
}
