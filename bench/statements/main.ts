// Every statement that requests make, by the product's functions and pool at 32 connections, beside an empty `select 1`.
// `npm run bench:statements -- 1 100000` for slices of 1 s and 100,000 sessions.
import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { createPool } from '../../fastify-api/src/db/pool.js'
import { deviceSecret, familySecret, GENERATION, populate } from '../growth/populate.js'
import { createUsers, makeKeys } from '../harness/api-under-test.js'
import { fraction, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { startBenchDatabase, type BenchDatabase } from '../harness/database.js'
import { figureOf, publish, versionsOf, type Figure } from '../harness/measurements.js'
import { alternate } from '../harness/slices.js'
import { median, percentile, ratios, withRange } from '../harness/statistics.js'
import { withTeardown } from '../harness/teardown.js'
import { arriveAtRate, askAgain, type Latencies } from './load.js'
import { EMPTY_COMMIT, sessionStatements, type Someone } from './session-statements.js'

const [SECONDS, SESSIONS] = readArguments(['seconds a slice', fraction, 0.5], ['sessions', wholeNumber, 100_000])
const CONNECTIONS = 32
const WS_CONNECTIONS = 4
const ROUNDS = 7
/** Of what a closed loop manages: well under saturation. */
const SHARE = 0.25
const MOST_PER_SECOND = 1500
const SLICE_MS = SECONDS * 1000
const AIM = { atMost: 5 }

interface Measured { name: string, rate: number, closed: { perSecond: number, latencies: Latencies }, statement: Latencies[], select1: Latencies[] }

await withTeardown(async t => {
  progress(`filling ${SESSIONS} sessions`)
  const database = await startBenchDatabase(t)
  await createUsers(database, makeKeys(t, 2048), { count: SESSIONS, bcryptCost: 4 })
  await populate(database, SESSIONS)
  const log = pino({ level: 'error' })
  const pool = createPool('bench', database.url('api'), CONNECTIONS, log)
  t.teardown(() => pool.end())
  const wsPool = createPool('bench', database.url('ws'), WS_CONNECTIONS, log)
  t.teardown(() => wsPool.end())
  const select1 = () => pool.query({ name: 'select-1', text: 'select 1' })
  const closedSelect1 = await askAgain(CONNECTIONS, SLICE_MS, select1)

  const results: Measured[] = []
  for (const [name, ask] of Object.entries(sessionStatements(pool, wsPool, await readPeople(database)))) {
    await askAgain(CONNECTIONS, SLICE_MS / 2, ask)              // each connection has prepared it
    const closed = await askAgain(CONNECTIONS, SLICE_MS, ask)
    const rate = Math.min(MOST_PER_SECOND, SHARE * closed.perSecond)
    const { statement, 'select 1': empty } = await alternate(name, ROUNDS, {
      statement: () => arriveAtRate(rate, SLICE_MS, ask),
      'select 1': () => arriveAtRate(rate, SLICE_MS, select1)
    })
    results.push({ name, rate, closed, statement, select1: empty })
  }
  report(results, closedSelect1)
})

async function readPeople ({ admin }: BenchDatabase): Promise<Someone[]> {
  const { rows } = await admin.query<Omit<Someone, 'secretHash' | 'deviceHash' | 'generation'>>(
    `select u.id as "userId", u.username, u.password_changed_at::text as "passwordChangedAt", s.id as "sessionId", s.device_id as "deviceId"
       from users u join sessions s on s.user_id = u.id where s.generation = $1 and s.revoked_at is null order by random()`, [GENERATION])
  return rows.map(row => {
    const n = Number(row.username.slice('user'.length))
    return { ...row, generation: GENERATION, secretHash: sha256(familySecret(n)), deviceHash: sha256(deviceSecret(n)) }
  })
}

function sha256 (data: Buffer | string): Buffer {
  return createHash('sha256').update(data).digest()
}

function report (results: readonly Measured[], closedSelect1: Measured['closed']): void {
  const at = (slices: Latencies[], share: number) => slices.map(slice => percentile(slice, share))
  const figures: Record<string, Figure> = {}
  for (const { name, statement, select1, closed } of results) {
    figures[`statements.${name}.p95`] = figureOf(`${name}: p95 at ${CONNECTIONS} connections`, 'ms', at(statement, 0.95), name === EMPTY_COMMIT ? undefined : AIM)
    figures[`statements.${name}.ratio`] = figureOf(`${name}: median ÷ that of select 1`, 'x', ratios(at(statement, 0.5), at(select1, 0.5)))
    figures[`statements.${name}.closed`] = { what: `${name}: closed loop of ${CONNECTIONS}`, value: Math.round(closed.perSecond), unit: '/s' }
  }
  const shown = (values: number[]) => median(values).toFixed(2)
  publish({
    bench: 'statements',
    title: 'Session statements in PostgreSQL',
    method: `The product's functions over the product's pool with ${CONNECTIONS} connections (${WS_CONNECTIONS} for those of the socket server), ${SESSIONS} users with a session each and what belongs to it. ` +
      `Requests arrive at random moments with ${SHARE * 100} % of the rate that a closed loop of ${CONNECTIONS} reached right before, at most ${MOST_PER_SECOND} a second; ` +
      `${ROUNDS} pairs of alternating slices of ${SECONDS} s with select 1 at the same rate; the latency counts from when one was due, the wait for a connection included. ` +
      `${EMPTY_COMMIT} writes one record to the log and commits: what the disk takes of every statement that writes. ` +
      'Beside it, as information, the closed loop, whose latency is the queue on the cores. The client runs on the same cores.',
    versions: versionsOf(['pg']),
    figures,
    tables: [
      {
        caption: 'Milliseconds at a fixed rate of arrival, median of the slices (range)',
        head: ['statement', 'a second', 'p50', 'p95', 'p99', 'select 1 p50', 'select 1 p95', 'p50 ÷ select 1'],
        rows: results.map(({ name, rate, statement, select1 }) => [
          name, rate.toFixed(0), shown(at(statement, 0.5)), withRange(at(statement, 0.95)), shown(at(statement, 0.99)),
          shown(at(select1, 0.5)), shown(at(select1, 0.95)), withRange(ratios(at(statement, 0.5), at(select1, 0.5)))
        ])
      },
      {
        caption: `Closed loop of ${CONNECTIONS}`,
        head: ['statement', 'a second', 'p50 ms', 'p95 ms'],
        rows: [{ name: 'select 1', closed: closedSelect1 }, ...results].map(({ name, closed: { perSecond, latencies } }) => [
          name, perSecond.toFixed(0), percentile(latencies, 0.5).toFixed(2), percentile(latencies, 0.95).toFixed(2)
        ])
      }
    ]
  })
}
