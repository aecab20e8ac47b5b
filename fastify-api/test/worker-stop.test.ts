import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { recordThefts } from './fixtures/event-way.js'
import { consume, createUser, mailsOf, newDevice } from './fixtures/mails.js'
import { startSmtpServer } from './fixtures/smtp-server.js'
import { startWorker } from './fixtures/worker.js'

t.test('a worker that is stopped finishes the mail that it sends and the events that it has in hand', async t => {
  const { pool, connectionString } = await createDatabase(t)
  let accept: (() => void) | undefined
  const server = await startSmtpServer(t, { onData: (stream, _session, callback) => { stream.on('end', () => { accept = () => callback() }).resume() } })
  const worker = await startWorker(t, { DATABASE_URL: connectionString, SMTP_URL: server.url })
  await consume(pool, [newDevice(await createUser(pool, 'ada'))])
  await until(() => accept !== undefined)

  const auditor = await pool.connect()
  await auditor.query('begin; lock table audit_log in access exclusive mode')
  const events = await recordThefts(pool, 5)
  await until(async () => (await pool.query("select from pg_stat_activity where datname = current_database() and application_name = 'worker' and wait_event_type = 'Lock'")).rowCount! > 0)
  const ended = worker.end('SIGTERM')
  await until(() => worker.output().includes('"stopping"'))
  await auditor.query('commit')
  auditor.release()
  accept!()

  t.equal(await ended, 0)
  t.match(await mailsOf(pool, "template = 'new_device'"), [{ state: 'sent', attempts: 1 }])
  t.same((await pool.query('select event_id from audit_log where event_id = any ($1)', [events])).rowCount, 5)
  t.equal((await pool.query('select from outbox where id = any ($1)', [events])).rowCount, 0)
  t.notMatch(worker.output(), /"level":"(error|fatal)"/)
})
