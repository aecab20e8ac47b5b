import { setTimeout as sleep } from 'node:timers/promises'
import { connectionString, findRunningPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import type { Test } from 'tap'
import { createRabbit, type TestRabbit } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { startLocalMode, type LocalMode } from '../fixtures/local-mode.js'
import { startLogins, type LoginLoad } from './login-load.js'

const ACCOUNTS = 100                                  // each may have 100 sessions
const WORKER_KILLS = 5
/** A queue has to be this old when the broker is killed: RabbitMQ can lose one that was declared half a second before. */
const QUEUE_AGE_MS = 3000

export interface ChaosOptions {
  logins: number
  perSecond: number
  /** How RabbitMQ ends, one after the other. */
  brokerEnds: ReadonlyArray<'SIGTERM' | 'SIGKILL'>
  /** Told of each disaster. */
  step: (text: string) => void
}

export interface ChaosFigures {
  logins: number
  /** Sessions in the database: the sign-ins that were committed. */
  committed: number
  /** Committed sign-ins without a row in the audit history. */
  missing: number
  /** Rows too many. */
  repeated: number
  /** Sign-ins that were answered and are not in the database. */
  unknown: number
  /** Refused because the machine had no time to hash, as while RabbitMQ starts on it; repeated. */
  overloaded: number
  /** Otherwise refused or unanswered while PostgreSQL was there. */
  failedWithPostgres: number
  /** While PostgreSQL was restarted; they were repeated. */
  failedWithoutPostgres: number
  workerKills: number
  brokerAwaySeconds: number
  /** From the last sign-in until its event was in the history. */
  caughtUpSeconds: number
  deadLetters: number
}

/**
 * Signs in again and again while RabbitMQ is ended and started again, the worker is killed five times and PostgreSQL is
 * restarted, and counts what the audit history has in the end.
 */
export async function runEventChaos (t: Pick<Test, 'teardown'>, options: ChaosOptions): Promise<ChaosFigures> {
  const { logins, perSecond } = options
  const broker = await createRabbit(t)
  const local = await startLocalMode(t, { AMQP_URL: broker.url, BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000000', LOG_LEVEL: 'warn' })
  const { port, credentials } = findRunningPostgres(local.dataDir)!
  const database = new pg.Pool({ connectionString: connectionString(credentials, 'auth_owner', port, 'auth'), max: 2 })
  database.on('error', () => {})
  t.teardown(() => database.end())
  await database.query(
    `insert into users (username, password_hash, password_pepper_version)
     select 'account' || n, password_hash, password_pepper_version from users, generate_series(0, $1 - 1) n where username = 'testuser'`, [ACCOUNTS])
  await sleep(QUEUE_AGE_MS)

  const load = startLogins(local.url, { logins, perSecond, username: n => `account${n % ACCOUNTS}` })
  const disasters = await causeDisasters({ ...options, local, broker, load })
  const answered = await load.finished
  const finishedAt = performance.now()
  const audited = async () => (await database.query<{ sessionId: string, times: number }>(
    'select session_id as "sessionId", count(*)::int as times from audit_log where type = \'login.succeeded\' group by 1')).rows
  const { rows: sessions } = await database.query<{ id: string }>('select id from sessions')
  await until(async () => (await database.query('select from outbox limit 1')).rowCount === 0 && (await audited()).length >= sessions.length)
  const caughtUpSeconds = (performance.now() - finishedAt) / 1000

  const times = new Map((await audited()).map(({ sessionId, times }) => [sessionId, times]))
  const ids = new Set(sessions.map(({ id }) => id))
  const { rowCount: deadLetters } = await database.query('select from dead_letters')
  const failures = load.failures().filter(({ code }) => code !== 'overloaded')
  const during = (at: number) => at >= disasters.postgresAway.from - 1000 && at <= disasters.postgresAway.until
  return {
    logins,
    committed: sessions.length,
    missing: sessions.filter(({ id }) => !times.has(id)).length,
    repeated: [...times.values()].filter(count => count > 1).length,
    unknown: answered.filter(id => !ids.has(id)).length,
    overloaded: load.failures().filter(({ code }) => code === 'overloaded').length,
    failedWithPostgres: failures.filter(({ at }) => !during(at)).length,
    failedWithoutPostgres: failures.filter(({ at }) => during(at)).length,
    workerKills: disasters.workerKills,
    brokerAwaySeconds: Math.round(disasters.brokerAwayMs / 1000),
    caughtUpSeconds: Math.round(caughtUpSeconds * 10) / 10,
    deadLetters: deadLetters ?? 0
  }
}

interface Scene extends ChaosOptions { local: LocalMode, broker: TestRabbit, load: LoginLoad }

async function causeDisasters ({ local, broker, load, logins, brokerEnds, step }: Scene): Promise<{ workerKills: number, brokerAwayMs: number, postgresAway: { from: number, until: number } }> {
  const postgresAway = { from: Infinity, until: 0 }
  let brokerAwayMs = 0
  let workerKills = 0
  const say = (text: string) => step(`${load.signedIn()} sign-ins: ${text}`)
  const untilShare = (share: number) => until(() => load.signedIn() >= logins * share)

  const breakBroker = async () => {
    for (const [turn, signal] of brokerEnds.entries()) {
      const share = (turn + 0.3) / brokerEnds.length
      await untilShare(share)
      const since = performance.now()
      await broker.signal(signal)
      say(`RabbitMQ ended by ${signal}`)
      await untilShare(share + 0.3 / brokerEnds.length)
      await broker.start()
      brokerAwayMs += performance.now() - since
      say('RabbitMQ is back')
      await sleep(QUEUE_AGE_MS)
    }
  }
  const killWorkers = async () => {
    for (let kill = 0; kill < WORKER_KILLS; kill++) {
      await untilShare((kill + Math.random()) / WORKER_KILLS)
      await until(() => local.partPid('worker') !== undefined)
      process.kill(local.partPid('worker')!, 'SIGKILL')
      workerKills += 1
      say('the worker was killed')
    }
  }
  const restartPostgres = async () => {
    await untilShare(0.55)
    postgresAway.from = Date.now()
    process.kill(local.partPid('postgres')!, 'SIGINT')
    say('PostgreSQL is restarted')
    await sleep(500)
    await until(async () => await fetch(`${local.url}/api/ready`).then(({ status }) => status === 200, () => false))
    await until(() => load.failures().every(({ at, code }) => code === 'overloaded' || Date.now() - at > 1000))
    postgresAway.until = Date.now()
  }
  await Promise.all([breakBroker(), killWorkers(), restartPostgres()])
  return { workerKills, brokerAwayMs, postgresAway }
}
