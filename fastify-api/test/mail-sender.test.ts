import { pino, type Logger } from 'pino'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { claimDueMails, markMailFailed, markMailSent } from '../src/db/mails.js'
import { consume, countMails, createUser, EVERYTHING_COUNTS, mailsOf, newDevice, startSender } from './fixtures/mails.js'
import { startSmtpServer } from './fixtures/smtp-server.js'

t.test('the sender', async t => {
  const { pool } = await createDatabase(t)
  const mailTo = async (username: string) => await consume(pool, [newDevice(await createUser(pool, username))])
  t.afterEach(() => pool.query('delete from users'))

  t.test('a mail goes out once, is counted and leaves nothing to do', async t => {
    const server = await startSmtpServer(t)
    const counted: string[] = []
    startSender(t, pool, server.url, { metrics: { ...EVERYTHING_COUNTS, counted: (template, result) => { counted.push(`${template} ${result}`) } } })
    await mailTo('ada')
    await until(async () => await countMails(pool, 'sent') === 1)
    t.same(server.received.map(({ to }) => to), [['ada@example.test']])
    await until(() => counted.length > 0)
    t.same(counted, ['new_device sent'])
  })

  t.test('what the server cannot take now is tried again; what it refuses for good is abandoned and told', async t => {
    const server = await startSmtpServer(t)
    const { log, lines } = createLog()
    const results = new Map<string, number>()
    const metrics = { ...EVERYTHING_COUNTS, counted: (_template: string, result: string) => { results.set(result, (results.get(result) ?? 0) + 1) } }
    server.at('recipient', 451, 'later@example.test')
    server.at('recipient', 550, 'never@example.test')
    server.at('message', 452, undefined)
    startSender(t, pool, server.url, { log, metrics })
    for (const name of ['later', 'never', 'good']) await mailTo(name)
    await until(async () => await countMails(pool, 'abandoned') === 1 && (await mailsOf(pool, 'attempts > 2')).length === 2)
    t.match(await mailsOf(pool, "state = 'abandoned'"), [{ recipient: 'never@example.test', attempts: 1, last_error: 'EENVELOPE 550' }])
    t.same((await mailsOf(pool, "state = 'waiting'")).map(({ last_error: error }) => error).sort(), ['EENVELOPE 451', 'EMESSAGE 452'])
    server.at('message', 'accepts')
    server.at('recipient', 'accepts', 'later@example.test')
    await until(async () => await countMails(pool, 'sent') === 2)
    await until(() => results.get('sent') === 2)
    t.equal(results.get('abandoned'), 1)
    t.ok(results.get('retried')! >= 4)
    t.match(lines().find(({ msg }) => msg === 'a mail was abandoned'), { level: 40, template: 'new_device', code: 'EENVELOPE 550', attempts: 1 })
    t.notMatch(JSON.stringify(lines()), /canary of the reply|never@|later@/)
  })

  t.test('a refused sender is no fault of the mail; after a day it is abandoned all the same', async t => {
    const server = await startSmtpServer(t)
    server.at('from', 550)
    startSender(t, pool, server.url)
    await mailTo('ada')
    await until(async () => (await mailsOf(pool, "state = 'waiting' and attempts > 2 and last_error = 'EENVELOPE 550'")).length === 1)
    await pool.query("update mails set waiting_since = now() - interval '24 hours'")
    await until(async () => await countMails(pool, 'abandoned') === 1)
    t.equal(server.received.length, 0)
  })

  t.test('a server that is down is waited for, with one line when it begins and one when it is over', async t => {
    const server = await startSmtpServer(t)
    await server.stop()
    const { log, lines } = createLog()
    startSender(t, pool, server.url, { log })
    for (const name of ['ada', 'bob']) await mailTo(name)
    await until(async () => (await mailsOf(pool, 'attempts > 2')).length === 2)
    await server.start()
    await until(async () => await countMails(pool, 'sent') === 2)
    const ofTrouble = () => lines().filter(({ msg }) => msg !== 'a mail was sent')
    await until(() => ofTrouble().length === 2)
    t.match(ofTrouble(), [{ level: 40, msg: 'mails cannot be sent, they wait' }, { level: 30, msg: 'mails are sent again' }])
  })

  t.test('silence and hanging up at any step end the try and hold up nobody for ever', async t => {
    const server = await startSmtpServer(t)
    startSender(t, pool, server.url, { timing: { sendMs: 2000 } })
    for (const [step, behaviour] of [['connect', 'silence'], ['recipient', 'silence'], ['message', 'silence'], ['message', 'hangs up'], ['connect', 421]] as const) {
      // Connections that are open already would hide what happens to a new one.
      await server.stop()
      await server.start()
      server.at(step, behaviour)
      await Promise.all(['ada', 'bob', 'cyd', 'dot', 'eve', 'fay'].map(name => mailTo(`${name}-${step}-${String(behaviour).replace(' ', '-')}`)))
      await until(async () => (await mailsOf(pool, "state = 'waiting' and last_error is not null")).length === 6)
      server.at(step, 'accepts')
      await until(async () => await countMails(pool, 'waiting') === 0)
      t.equal(await countMails(pool, 'abandoned'), 0, `${step} ${behaviour}`)
    }
    t.same(new Set(server.received.flatMap(({ to }) => to)).size, 30)
  })

  t.test('one recipient at whom the server falls silent does not hold up the others', async t => {
    const server = await startSmtpServer(t)
    for (const name of ['s1', 's2', 's3']) server.at('recipient', 'silence', `${name}-x@example.test`)
    for (const name of ['s1-x', 's2-x', 's3-x']) await mailTo(name)
    startSender(t, pool, server.url, { timing: { backOffMs: [3_600_000] } })
    await Promise.all(Array.from({ length: 20 }, (_, i) => mailTo(`user${i}`)))
    await until(async () => await countMails(pool, 'sent') === 20)
    await until(async () => (await mailsOf(pool, "state = 'waiting' and last_error is not null")).length === 3)
  })

  t.test('two senders send a hundred mails once each', async t => {
    const server = await startSmtpServer(t)
    await Promise.all(Array.from({ length: 100 }, (_, i) => mailTo(`user${i}`)))
    for (let i = 0; i < 2; i++) startSender(t, pool, server.url)
    await until(async () => await countMails(pool, 'sent') === 100)
    t.equal(server.received.length, 100)
    t.equal(new Set(server.received.map(({ headers }) => headers.get('message-id'))).size, 100)
    t.same((await mailsOf(pool, 'attempts <> 1')).length, 0)
  })

  t.test('a mail belongs to one at a time; one whose sender is late is not spoilt by it', async t => {
    await mailTo('ada')
    const [first] = await claimDueMails(pool, 4, 60_000)
    t.equal(first!.attempt, 1)
    t.same(await claimDueMails(pool, 4, 60_000), [])
    await pool.query('update mails set next_try_at = now()')
    const [second] = await claimDueMails(pool, 4, 60_000)
    t.equal(second!.attempt, 2)
    t.equal(await markMailFailed(pool, first!, 'ETIMEDOUT', undefined, 60_000), undefined, 'the late one gives up what is no longer its own')
    t.equal(await countMails(pool, 'waiting'), 1)
    await markMailSent(pool, first!.id)
    t.equal(await markMailFailed(pool, second!, 'ETIMEDOUT', 0, 60_000), undefined)
    t.equal(await countMails(pool, 'sent'), 1)
  })

  t.test('closing gives a mail that is being sent back to be tried again', async t => {
    const server = await startSmtpServer(t)
    server.at('message', 'silence')
    await mailTo('ada')
    const sender = startSender(t, pool, server.url, { timing: { closeMs: 10 } })
    await until(async () => (await mailsOf(pool, 'attempts = 1')).length === 1)
    await sender.close()
    t.match(await mailsOf(pool), [{ state: 'waiting', last_error: /^E/ }])
  })
})

function createLog (): { log: Logger, lines: () => Array<{ level: number, msg: string }> } {
  const written: string[] = []
  return { log: pino({}, { write: line => { written.push(line) } }), lines: () => written.map(line => JSON.parse(line)) }
}
