import t from 'tap'
import { RABBITMQ_MISSING } from '../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { runEventChaos } from './event-chaos/event-chaos.js'

t.test('brokers, workers and a database die during sign-ins: each is in the history exactly once', { skip: RABBITMQ_MISSING }, async t => {
  const figures = await runEventChaos(t, { logins: 500, perSecond: 25, brokerEnds: ['SIGTERM', 'SIGKILL'], step: text => t.comment(text) })
  t.comment(figures)
  t.ok(figures.committed >= 500)
  t.match(figures, { missing: 0, repeated: 0, unknown: 0, failedWithPostgres: 0, deadLetters: 0, workerKills: 5 })
})
