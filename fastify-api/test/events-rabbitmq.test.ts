import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import type pg from 'pg'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createRabbit, RABBITMQ_MISSING } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { deliveryTests } from './fixtures/delivery-tests.js'
import { createNotebook, recordThefts, startWay } from './fixtures/event-way.js'
import { runProgram } from './fixtures/programs.js'
import { startWorker } from './fixtures/worker.js'

/** A queue has to be this old when the broker is killed: RabbitMQ can lose one that was declared half a second before. */
const QUEUE_AGE_MS = 3000
const PASSWORD = 'canary-81ae/:@'

t.test('with RabbitMQ', { skip: RABBITMQ_MISSING }, async t => {
  const broker = await createRabbit(t, false)

  t.test('it is not there at first, then killed and started again: every event arrives', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    const ids = await recordThefts(pool, 10)
    const { log } = await startWay(t, pool, [consumer], broker.url)
    await until(() => log.some(line => line.includes('out of reach')))
    await broker.start()
    await until(async () => (await read()).length === 10)
    await sleep(QUEUE_AGE_MS)
    const burst = (async () => { for (let i = 0; i < 40; i++) ids.push(...await recordThefts(pool, 10)) })()
    await until(async () => (await read()).length > 50)
    await broker.signal('SIGKILL')
    await burst
    ids.push(...await recordThefts(pool, 10))
    await broker.start()
    await until(async () => (await read()).length === ids.length)
    t.same((await read()).map(({ id }) => id).sort(), ids.sort())
    await until(async () => (await pool.query('select from outbox')).rowCount === 0)
    t.equal(log.filter(line => line.includes('out of reach')).length, 2, 'one line each time, however often it was tried')
    t.equal(log.filter(line => line.includes('RabbitMQ is back')).length, 2)
  })

  t.test('garbage and poison become dead letters; an administrator sees them and gives them back', async t => {
    const { pool, connectionString } = await createDatabase(t)
    const [poison] = await recordThefts(pool, 1)
    await pool.query('alter table audit_log rename to hidden')
    const worker = await startWorker(t, { DATABASE_URL: connectionString, AMQP_URL: broker.url })
    const admin = async (...args: string[]) => await runProgram('packages/local-mode/dist/admin.js', args, { DATABASE_URL: connectionString, AMQP_URL: broker.url })
    await until(() => worker.output().includes('becomes a dead letter'))
    const connection = await connect(broker.url)
    t.teardown(() => connection.close())
    const channel = await connection.createConfirmChannel()
    channel.publish('', 'auth.audit', Buffer.from('not \u001b[2J JSON'), { messageId: `\u001b[2J${'m'.repeat(200)}` })
    channel.publish('auth.events', 'session.theft', Buffer.from(JSON.stringify({ id: '\u001b[2J', type: 'session.theft' })), { headers: { unknown: 'header' } })
    await channel.waitForConfirms()
    const of = (text: string, consumer: string) => text.split('\n').filter(line => line.startsWith(`${consumer}\t`))
    await until(async () => {
      const { stdout } = await admin('event', 'dead')
      return of(stdout, 'audit').length >= 4 && of(stdout, 'signals').length === 1 && of(stdout, 'mail').length === 1
    })
    const { stdout } = await admin('event', 'dead')
    // The theft made the risk rules record an event, which the audit log could not take either.
    t.same(of(stdout, 'audit').map(line => line.split('\t')[2]).sort(), ['-', 'risk.detected', 'session.theft', 'session.theft'])
    t.match(stdout, `audit\t${poison}\tsession.theft`)
    t.match(stdout, 'signals\t?[2J')
    t.notOk(stdout.includes('\u001b'))
    const messageId = `?[2J${'m'.repeat(124)}`
    t.match(stdout, `audit\t${messageId}\t-\t`, 'what is no event goes by its message id')
    t.match(worker.output(), `"messageId":"${messageId}"`)
    t.match(stdout, /^consumer\tevent or message id\ttype\thappened at\treason\n/)
    t.equal((await admin('event', 'dead')).stdout, stdout, 'looking takes none away')

    await pool.query('alter table hidden rename to audit_log')
    t.match(await admin('event', 'discard', 'signals'), { code: 0, stdout: '1 dead letter(s) deleted.\n' })
    t.same(of((await admin('event', 'dead')).stdout, 'signals'), [])
    t.match(await admin('event', 'replay', 'nobody'), { code: 1, stderr: /there is no such consumer/ })
    t.match(await admin('event', 'replay', 'audit'), { code: 0, stdout: /^4 dead letter/ })
    await until(async () => (await pool.query('select from audit_log where event_id = $1', [poison])).rowCount === 1)
    await until(async () => !(await admin('event', 'dead')).stdout.includes(poison!))
    t.equal(await worker.end('SIGTERM'), 0)
  })

  t.test('two workers, one is killed in the middle: each event has one effect', async t => {
    const { pool, connectionString } = await createDatabase(t)
    const settings = { DATABASE_URL: connectionString, AMQP_URL: broker.url }
    const [first, second] = await Promise.all([startWorker(t, settings), startWorker(t, settings)])
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push(...await recordThefts(pool, 50))
    await until(async () => (await audited(pool)).length > 100)
    await first.end('SIGKILL')
    await until(async () => (await audited(pool)).length >= ids.length && (await pool.query('select from outbox')).rowCount === 0)
    t.same((await audited(pool)).sort(), ids.sort())
    t.equal(await second.end('SIGTERM'), 0)
  })

  t.test('a broker that refuses the password is told of without it', async t => {
    const { connectionString } = await createDatabase(t)
    const AMQP_URL = broker.url.replace('guest:guest', `guest:${encodeURIComponent(PASSWORD)}`)
    const worker = await startWorker(t, { DATABASE_URL: connectionString, AMQP_URL, LOG_LEVEL: 'trace' })
    await until(() => worker.output().includes('out of reach'))
    const { stderr, stdout } = await runProgram('packages/local-mode/dist/admin.js', ['event', 'dead'], { DATABASE_URL: connectionString, AMQP_URL })
    t.equal(await worker.end('SIGTERM'), 0)
    t.match(stderr, /^admin: RabbitMQ at AMQP_URL did not do it: the user or the password was refused\n$/)
    t.match(worker.output(), '"reason":"the user or the password was refused"')
    const said = worker.output() + stderr + stdout
    for (const form of [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(`\0guest\0${PASSWORD}`).toString('base64'), 'canary']) t.notOk(said.includes(form), form)
  })

  t.test('what holds without it as well', async t => await deliveryTests(t, broker.url))

  t.test('the rights of docs/events.md are enough for a service of one\'s own', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    await startWay(t, pool, [consumer], broker.url)
    await recordThefts(pool, 1)
    await until(async () => (await read()).length === 1)
    broker.control('add_user', 'my-service', 'secret')
    broker.control('set_permissions', 'my-service', '^$', '^$', '^my-service$')
    const channelOf = async (url: string) => {
      const connection = await connect(url)
      t.teardown(() => connection.close())
      return await connection.createChannel()
    }
    const operator = await channelOf(broker.url)
    await operator.assertQueue('my-service', { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-max-length': 100_000 } })
    await operator.bindQueue('my-service', 'auth.events', 'session.theft')
    const channel = await channelOf(broker.url.replace('guest:guest', 'my-service:secret'))
    const [id] = await recordThefts(pool, 1)
    await until(async () => {
      const message = await channel.get('my-service', { noAck: true })
      return message && message.properties.messageId === id
    })
  })

  t.test('a full queue that refuses holds events up, is told of once, and nothing is lost', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    const { log } = await startWay(t, pool, [consumer], broker.url)
    await recordThefts(pool, 1)
    await until(async () => (await read()).length === 1)
    const connection = await connect(broker.url)
    t.teardown(() => connection.close())
    const channel = await connection.createChannel()
    await channel.assertQueue('full', { durable: true, arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
    await channel.bindQueue('full', 'auth.events', '#')
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push(...await recordThefts(pool, 1))
    await until(() => log.some(line => line.includes('refuses events')))
    await channel.deleteQueue('full')
    await until(async () => (await read()).length === 21)
    await until(() => log.some(line => line.includes('takes events again')))
    t.same((await read()).map(({ id }) => id).slice(1).sort(), ids.sort())
    t.equal(log.filter(line => line.includes('refuses events')).length, 1)
  })

  t.test('why RabbitMQ cannot be used is said in words', async t => {
    const { pool } = await createDatabase(t)
    const { consumer, read } = await createNotebook(pool)
    const reasonAt = async (url: string, becomeSo = async () => {}) => {
      const { log, close } = await startWay(t, pool, [consumer], url)
      await becomeSo()
      await until(() => log.some(line => line.includes('out of reach')))
      await close()
      return (JSON.parse(log.find(line => line.includes('out of reach'))!) as { reason: string }).reason
    }
    t.equal(await reasonAt(`${broker.url}/nowhere`), 'there is no such virtual host, or the user may not use it')
    broker.control('add_user', 'weak', 'weak')
    t.equal(await reasonAt(broker.url.replace('guest:guest', 'weak:weak')), 'there is no such virtual host, or the user may not use it')
    broker.control('set_permissions', 'weak', '^$', '^$', '^$')
    t.equal(await reasonAt(broker.url.replace('guest:guest', 'weak:weak')), 'the user lacks a permission')
    t.equal(await reasonAt(broker.url, async () => {
      await recordThefts(pool, 1)
      await until(async () => (await read()).length === 1)
      await broker.signal('SIGTERM')
    }), 'the broker was stopped')
    t.equal(await reasonAt(broker.url), 'ECONNREFUSED')
  })
})

async function audited (pool: pg.Pool): Promise<string[]> {
  return (await pool.query<{ id: string }>("select event_id as id from audit_log where type = 'session.theft'")).rows.map(({ id }) => id)
}
