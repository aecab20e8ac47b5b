import { randomUUID } from 'node:crypto'
import { whyNoEvent } from '@fastify-uws-auth/auth-contract'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createRabbit, RABBITMQ_MISSING } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { listDeadLetters, replayDeadLetters } from '../src/db/dead-letters.js'
import { createNotebook, recordThefts, startWay } from './fixtures/event-way.js'

t.test('directly', async t => await deliveryTests(t, undefined))
t.test('over RabbitMQ', { skip: RABBITMQ_MISSING }, async t => await deliveryTests(t, (await createRabbit(t)).url))

async function deliveryTests (t: Test, amqpUrl: string | undefined): Promise<void> {
  await t.test('an event arrives as a CloudEvent of its session; what is none is put aside and blocks nothing', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    const sessionId = randomUUID()
    await pool.query("insert into outbox (type, session_id, data) values ('session.stolen', $1, '{}')", [sessionId])
    const [id] = await recordThefts(pool, 1, sessionId)
    const { close, log } = await startWay(t, pool, [consumer], amqpUrl)
    await until(async () => (await read()).length === 1)
    const [event] = await read()
    t.equal(whyNoEvent(event), undefined)
    t.match(event, { id, type: 'session.theft', subject: sessionId, partitionkey: sessionId, requestid: 'request-1', data: { sessionId, ip: '192.0.2.1' } })
    await until(async () => (await pool.query('select from outbox')).rowCount === 0)
    t.match(await listDeadLetters(pool), [{ consumer: 'relay', type: 'session.stolen' }])
    await close()
    t.equal(log.filter(line => line.includes('no event')).length, 1)
  })

  await t.test('a thousand events of one session keep their order over two workers', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    const sessionId = randomUUID()
    await Promise.all([1, 2].map(() => startWay(t, pool, [consumer], amqpUrl)))
    const ids: string[] = []
    for (let slice = 0; slice < 20; slice++) {
      ids.push(...await recordThefts(pool, 50, sessionId))
      await recordThefts(pool, 5)
    }
    await until(async () => (await read()).length === 1100)
    const told = (await read()).filter(({ partitionkey }) => partitionkey === sessionId).map(({ id }) => id)
    t.same(told, ids, 'in order')
  })

  await t.test('a consumer that fails twice gets the event again, others are not held up', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read, fail } = await createNotebook(pool)
    fail.times = 2
    const [id] = await recordThefts(pool, 1)
    await startWay(t, pool, [consumer], amqpUrl)
    await until(async () => (await read()).length === 1)
    t.match(await read(), [{ id }])
    t.same(await listDeadLetters(pool), [])
  })

  await t.test('a poison event becomes a dead letter of its consumer, the ones beside it arrive', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read, fail } = await createNotebook(pool)
    const [first, poison, last] = await recordThefts(pool, 3)
    fail.times = Infinity
    fail.on = ({ id }) => id === poison
    const { log } = await startWay(t, pool, [consumer], amqpUrl)
    await until(async () => (await read()).length === 2)
    t.same((await read()).map(({ id }) => id), [first, last])
    t.ok(log.some(line => line.includes('becomes a dead letter')))
    if (amqpUrl !== undefined) return
    await until(async () => (await listDeadLetters(pool)).length === 1)
    t.match(await listDeadLetters(pool), [{ consumer: 'notebook', eventId: poison, type: 'session.theft', reason: 'Error' }])
    t.equal(await replayDeadLetters(pool, 'somebody'), 0)
    fail.times = 0
    t.equal(await replayDeadLetters(pool, 'notebook'), 1)
    await until(async () => (await read()).length === 3 && (await listDeadLetters(pool)).length === 0)
  })
}
