// How fast the worker moves a backlog of sign-ins from the outbox to RabbitMQ, and on into the audit history, beside a
// bare publish with confirms of the same messages. `npm run bench:events-throughput -- 7 5000` for 7 rounds with a backlog
// of 5,000 each.
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import { createRabbit, RABBITMQ_MISSING, type TestRabbit } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { declareTopology, queueOf } from '../../fastify-api/src/events/rabbitmq-topology.js'
import { readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure } from '../harness/measurements.js'
import { cpuMicrosecondsOfTree } from '../harness/process-figures.js'
import { alternate } from '../harness/slices.js'
import { ratios, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { composeSignIns, recordSignIns } from './backlog.js'
import { openBareQueues } from './bare-queues.js'
import { addVirtualHost, brokerPid, rabbitMqVersion } from './broker.js'
import { startWorker, type WorkerUnderTest } from './worker-under-test.js'

const [ROUNDS, BACKLOG] = readArguments(['rounds', wholeNumber, 7], ['events of a backlog', wholeNumber, 20_000])
/** What the bare publisher sends before it waits for confirms, and how many such batches side by side: as much as the relay. */
const BATCH = 200
const BATCHES_AT_ONCE = 4
/** The consumers that want to be told of `login.succeeded`. */
const TOLD = ['audit', 'mail']
const LOOK_EVERY_MS = 20
const AIM_PER_SECOND = 5000

/** Microseconds of CPU for each event. */
type Cpu = Record<'client' | 'postgres' | 'broker', number>
interface Moved { perSecond: number, cpu: Cpu }

if (RABBITMQ_MISSING) {
  console.error(`RabbitMQ is needed: ${RABBITMQ_MISSING}`)
  process.exit(2)
}

await withTeardown(async t => {
  const rabbit = await createRabbit(t)
  const broker = brokerPid(rabbit)
  const relaying = await startRelaying(t, rabbit)
  const whole = await startWorker(t, addVirtualHost(rabbit, 'whole'))
  const messages = await composeSignIns(whole.database, BACKLOG)
  const bare = await openBareQueues(t, addVirtualHost(rabbit, 'bare'), TOLD.length)
  const moved = await alternate<string, Moved>('throughput', ROUNDS, {
    async 'relay alone' () {
      await recordSignIns(relaying.worker.database, BACKLOG)
      const result = await timed(pidsOf(relaying.worker, broker), () => untilRelayed(relaying.worker))
      await relaying.purge()
      return result
    },
    async 'relay and consumers' () {
      await whole.database.admin.query('truncate audit_log')
      await recordSignIns(whole.database, BACKLOG)
      return await timed(pidsOf(whole, broker), () => untilAudited(whole))
    },
    async 'bare publish' () {
      const result = await timed({ client: process.pid, broker }, async () => {
        let next = 0
        const publishNext = async () => {
          while (next < BACKLOG) {
            const from = next
            next += BATCH
            await bare.publish(messages.slice(from, next))
          }
        }
        await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, publishNext))
      })
      await bare.purge()
      return result
    }
  })
  const perSecond = (way: string) => moved[way]!.map(({ perSecond }) => perSecond)
  const bareRate = perSecond('bare publish')
  publish({
    bench: 'events-throughput',
    title: 'Events a second from the outbox to RabbitMQ',
    method: `A backlog of ${BACKLOG} sign-ins is there at once, ${ROUNDS} alternating slices of each way; PostgreSQL, RabbitMQ and the worker on this machine. Each event is for ${TOLD.length} quorum queues. "relay alone": from the commit until the broker has confirmed all, while the consumers of this worker stand by; "relay and consumers": until the audit log has all, by one worker; "bare publish": the same messages, ${BATCHES_AT_ONCE} times ${BATCH} of them awaiting confirms as in the relay, without a database.`,
    versions: { ...versionsOf(['amqplib', 'pg']), RabbitMQ: rabbitMqVersion(rabbit) },
    figures: {
      'events.relayed': figureOf('events relayed from the outbox to RabbitMQ', '/s', perSecond('relay alone'), { atLeast: AIM_PER_SECOND }),
      'events.relayed.ratio': figureOf('the same ÷ bare publish with confirms', 'x', ratios(perSecond('relay alone'), bareRate)),
      'events.audited': figureOf('events from the outbox over RabbitMQ into the audit log', '/s', perSecond('relay and consumers')),
      'events.bare': figureOf('bare publish with confirms', '/s', bareRate),
      ...cpuFigures('relayed', moved['relay alone']!),
      ...cpuFigures('audited', moved['relay and consumers']!)
    },
    tables: [{
      caption: 'Median of the slices, and their range; CPU in microseconds an event',
      head: ['way', 'events a second', '÷ bare publish', 'CPU of the worker', 'of PostgreSQL', 'of RabbitMQ'],
      rows: Object.entries(moved).map(([name, slices]) => {
        const cpuOf = (part: keyof Cpu) => withRange(slices.map(({ cpu }) => cpu[part]), 0)
        return [name, withRange(perSecond(name), 0), withRange(ratios(perSecond(name), bareRate)), cpuOf('client'), cpuOf('postgres'), cpuOf('broker')]
      })
    }]
  })
})

/** A worker whose consumers stand by, because somebody else has taken the queues and reads nothing. */
async function startRelaying (t: Teardown, rabbit: TestRabbit): Promise<{ worker: WorkerUnderTest, purge: () => Promise<void> }> {
  const url = addVirtualHost(rabbit, 'relaying')
  const connection = await connect(url)
  t.teardown(() => connection.close())
  const channel = await connection.createChannel()
  await declareTopology(channel, TOLD.map(name => ({ name, types: ['login.succeeded'] })))
  await channel.prefetch(1)
  for (const name of TOLD) await channel.consume(queueOf(name), () => {})
  const worker = await startWorker(t, url)
  return { worker, purge: async () => { for (const name of TOLD) await channel.purgeQueue(queueOf(name)) } }
}

async function untilRelayed ({ database: { admin } }: WorkerUnderTest): Promise<void> {
  while ((await admin.query('select from outbox limit 1')).rowCount !== 0) await sleep(LOOK_EVERY_MS)
}

async function untilAudited ({ database: { admin } }: WorkerUnderTest): Promise<void> {
  while ((await admin.query<{ count: number }>('select count(*)::int from audit_log')).rows[0]!.count < BACKLOG) await sleep(LOOK_EVERY_MS)
}

function pidsOf ({ pid, database }: WorkerUnderTest, broker: number): Partial<Cpu> {
  return { client: pid, postgres: database.postmasterPid, broker }
}

async function timed (pids: Partial<Cpu>, work: () => Promise<void>): Promise<Moved> {
  const cpuNow = () => Object.fromEntries(Object.entries(pids).map(([part, pid]) => [part, cpuMicrosecondsOfTree(pid)]))
  const [before, start] = [cpuNow(), performance.now()]
  await work()
  const seconds = (performance.now() - start) / 1000
  const after = cpuNow()
  const cpuOf = (part: keyof Cpu) => ((after[part] ?? 0) - (before[part] ?? 0)) / BACKLOG
  return { perSecond: BACKLOG / seconds, cpu: { client: cpuOf('client'), postgres: cpuOf('postgres'), broker: cpuOf('broker') } }
}

function cpuFigures (id: string, slices: Moved[]): Record<string, Figure> {
  const figure = (part: keyof Cpu, name: string) => figureOf(`CPU of ${name} for an event that is ${id}`, 'µs', slices.map(({ cpu }) => cpu[part]))
  return { [`events.${id}.cpu.worker`]: figure('client', 'the worker'), [`events.${id}.cpu.postgres`]: figure('postgres', 'PostgreSQL'), [`events.${id}.cpu.broker`]: figure('broker', 'RabbitMQ') }
}
