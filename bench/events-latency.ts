// From the commit of an event until a consumer has committed its work, directly and over RabbitMQ, with a steady stream.
// `npm run bench:events-latency -- 60 50` for 60 s at 50 a second. Milliseconds.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMeter } from '@fastify-uws-auth/auth-contract'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import { pino } from 'pino'
import type { Consumer } from '../fastify-api/src/consumers/consumer.js'
import { createEventTransport } from '../fastify-api/src/events/create-event-transport.js'
import { createEventMetrics } from '../fastify-api/src/events/event-metrics.js'
import { startRelay } from '../fastify-api/src/events/relay.js'
import { createRabbit, RABBITMQ_MISSING } from '../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'

const [SECONDS = 30, PER_SECOND = 100] = process.argv.slice(2).map(Number)
const teardowns: Array<() => unknown> = []
const t = { teardown: (handler?: () => unknown) => { teardowns.push(handler!) } }

try {
  console.log(`Node.js ${process.version}, ${cpus().length} cores; ${SECONDS} s at ${PER_SECOND} events a second`)
  const rows: Record<string, unknown> = { direct: await measure('direct', undefined) }
  if (RABBITMQ_MISSING) console.log(`RabbitMQ left out: ${RABBITMQ_MISSING}`)
  else rows['RabbitMQ'] = await measure('rabbitmq', (await createRabbit(t)).url)
  console.table(rows)
} finally {
  for (const teardown of teardowns.reverse()) await teardown()
}

async function measure (name: string, amqpUrl: string | undefined): Promise<Record<string, number>> {
  const folder = mkdtempSync(path.join(tmpdir(), `bench-events-${name}-`))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { stop, adminUrl, port, credentials } = await startEmbeddedPostgres({ dataDir: folder })
  t.teardown(stop)
  await prepareDatabase(adminUrl, 'bench', credentials)
  await migrate(connectionString(credentials, 'auth_owner', port, 'bench'))
  const pool = new pg.Pool({ connectionString: connectionString(credentials, 'auth_owner', port, 'bench'), max: 8 })
  const committedAt = new Map<string, number>()
  const latencies: number[] = []
  const consumer: Consumer = {
    name: 'bench',
    types: ['session.theft'],
    async handle (db, events) {
      await db.query('select pg_current_xact_id()')
      return () => { for (const { id } of events) latencies.push(performance.now() - committedAt.get(id)!) }
    }
  }
  const context = { pool, log: pino({ level: 'error' }), metrics: createEventMetrics(await createMeter(undefined), [consumer]) }
  const transport = await createEventTransport(amqpUrl, context, [consumer])
  const relay = startRelay(context, transport)
  const record = async () => {
    const id = randomUUID()
    committedAt.set(id, Infinity)
    await pool.query("insert into outbox (id, type, session_id, data) values ($1, 'session.theft', $1, '{\"ip\":null}')", [id])
    committedAt.set(id, performance.now())
  }
  await record()
  await until(() => latencies.length === 1)
  await sleep(1000)
  committedAt.clear()
  latencies.length = 0
  const writes: Array<Promise<void>> = []
  for (let n = 0; n < SECONDS * PER_SECOND; n++) {
    writes.push(record())
    await sleep(1000 / PER_SECOND)
  }
  await Promise.all(writes)
  await until(() => latencies.length >= writes.length)
  await relay.close()
  await transport.close()
  await pool.end()
  // An event can be handled before the insert has answered here.
  const sorted = latencies.map(ms => Math.max(0, ms)).sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)]! * 10) / 10
  return { events: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
