// From the commit of an event until a consumer has committed its work, with a steady stream: over RabbitMQ, directly, and
// beside them from a bare publish to the same RabbitMQ until the message is there.
// `npm run bench:events-latency -- 7 5 50` for 7 rounds with slices of 5 s at 50 events a second.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMeter } from '@fastify-uws-auth/auth-contract'
import pg from 'pg'
import { pino } from 'pino'
import type { Consumer } from '../../fastify-api/src/consumers/consumer.js'
import { createEventTransport } from '../../fastify-api/src/events/create-event-transport.js'
import { toEnvelope } from '../../fastify-api/src/events/envelope.js'
import { createEventMetrics } from '../../fastify-api/src/events/event-metrics.js'
import { startRelay } from '../../fastify-api/src/events/relay.js'
import { createRabbit, RABBITMQ_MISSING } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { fraction, readArguments, wholeNumber } from '../harness/command-line.js'
import { startBenchDatabase } from '../harness/database.js'
import { publish, versionsOf, type Figure, type Table } from '../harness/measurements.js'
import { alternate, type Slice } from '../harness/slices.js'
import { percentile, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { openBareQueues } from './bare-queues.js'
import { rabbitMqVersion } from './broker.js'

const [ROUNDS, SECONDS, PER_SECOND] = readArguments(['rounds', wholeNumber, 7], ['seconds a slice', fraction, 3], ['events a second', wholeNumber, 100])
const AIM_P99_MS = 100

/** Sends an event that a consumer is told of. From when it returns, or resolves, time counts. */
type Send = (id: string) => void | Promise<void>
/** @param arrived to be called with the id when a consumer has finished with it */
type Open = (t: Teardown, arrived: (id: string) => void) => Promise<Send>

await withTeardown(async t => {
  const ways: Record<string, Slice<number[]>> = { directly: await openWay(t, openEvents(undefined)) }
  const versions = versionsOf(['amqplib', 'pg'])
  if (RABBITMQ_MISSING) console.log(`RabbitMQ left out: ${RABBITMQ_MISSING}`)
  else {
    const rabbit = await createRabbit(t)
    versions['RabbitMQ'] = rabbitMqVersion(rabbit)
    ways['over RabbitMQ'] = await openWay(t, openEvents(rabbit.url))
    ways['bare publish over RabbitMQ'] = await openWay(t, openBare(rabbit.url))
  }
  const latencies = await alternate('latency', ROUNDS, ways)
  publish({
    bench: 'events-latency',
    title: 'From the commit of an event until a consumer has committed',
    method: `${PER_SECOND} events a second in alternating slices of ${SECONDS} s, ${ROUNDS} of each; beside them the same events as messages that are published with confirms, without a database, until a consumer has them. A consumer here writes nothing but commits.`,
    versions,
    figures: toFigures(latencies),
    tables: [toTable(latencies)]
  })
})

function toFigures (latencies: Record<string, number[][]>): Record<string, Figure> {
  const p99 = (what: string, slices: number[][], aim?: Figure['aim']): Figure => {
    const each = slices.map(slice => percentile(slice, 0.99))
    return { what, unit: 'ms', value: percentile(slices.flat(), 0.99), low: Math.min(...each), high: Math.max(...each), ...aim === undefined ? {} : { aim } }
  }
  const { directly, 'over RabbitMQ': rabbit, 'bare publish over RabbitMQ': bare } = latencies
  return {
    'events.latency.direct.p99': p99('commit to consumer without a broker, p99', directly!),
    ...rabbit === undefined || bare === undefined
      ? {}
      : {
          'events.latency.rabbitmq.p99': p99('commit to consumer over RabbitMQ, p99', rabbit, { atMost: AIM_P99_MS }),
          'events.latency.bare.p99': p99('bare publish with a confirm to consumer, p99', bare)
        }
  }
}

function toTable (latencies: Record<string, number[][]>): Table {
  const row = ([name, slices]: [string, number[][]]): string[] => {
    const at = (share: number) => withRange(slices.map(slice => percentile(slice, share)), 1)
    return [name, String(slices.flat().length), at(0.5), at(0.99), at(1), percentile(slices.flat(), 0.99).toFixed(1)]
  }
  return { caption: 'Milliseconds: median of the slices, and their range', head: ['way', 'events', 'p50', 'p99', 'longest', 'p99 of all'], rows: Object.entries(latencies).map(row) }
}

async function openWay (t: Teardown, open: Open): Promise<Slice<number[]>> {
  const sentAt = new Map<string, number>()
  let latencies: number[] = []
  // What is sent can arrive before the sender has been told that it is on its way.
  const send = await open(t, id => latencies.push(Math.max(0, performance.now() - sentAt.get(id)!)))
  const sendOne = async () => {
    const id = randomUUID()
    sentAt.set(id, Infinity)
    await send(id)
    sentAt.set(id, performance.now())
  }
  return async () => {
    await sendOne()                                   // whoever looks for events looks less often after a pause
    await until(() => latencies.length === 1)
    sentAt.clear()
    latencies = []
    const sends: Array<Promise<void>> = []
    for (let n = 0; n < SECONDS * PER_SECOND; n++) {
      sends.push(sendOne())
      await sleep(1000 / PER_SECOND)
    }
    await Promise.all(sends)
    await until(() => latencies.length === sends.length)
    const result = latencies
    latencies = []
    return result
  }
}

function openEvents (amqpUrl: string | undefined): Open {
  return async (t, arrived) => {
    const database = await startBenchDatabase(t)
    const pool = new pg.Pool({ connectionString: database.url('worker'), max: 8 })
    pool.on('error', () => {})                        // PostgreSQL may be faster than the goodbye of a connection
    t.teardown(() => pool.end())
    const consumer: Consumer = {
      name: 'bench',
      types: ['session.theft'],
      async handle (db, events) {
        await db.query('select pg_current_xact_id()')
        return () => { for (const { id } of events) arrived(id) }
      }
    }
    const context = { pool, log: pino({ level: 'error' }), metrics: createEventMetrics(await createMeter(undefined), [consumer]) }
    const transport = await createEventTransport(amqpUrl, context, [consumer])
    t.teardown(() => transport.close())
    const relay = startRelay(context, transport)
    t.teardown(() => relay.close())
    return async id => { await database.admin.query("insert into outbox (id, type, session_id, data) values ($1, 'session.theft', $1, '{\"ip\":null}')", [id]) }
  }
}

function openBare (url: string): Open {
  return async (t, arrived) => {
    const queues = await openBareQueues(t, url, 1)
    await queues.consume(({ content }) => arrived((JSON.parse(content.toString()) as { id: string }).id))
    return id => {
      const event = toEnvelope({ id, position: '1', type: 'session.theft', occurredAt: new Date(), userId: null, sessionId: id, requestId: null, data: { ip: null } })
      queues.publish([Buffer.from(JSON.stringify(event))])
    }
  }
}
