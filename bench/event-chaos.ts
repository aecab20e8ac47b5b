// Sign-ins while RabbitMQ, the worker and PostgreSQL die: is each in the audit history exactly once? The tests do the same
// with fewer.
import { runEventChaos } from '../system-test/event-chaos/event-chaos.js'
import { fraction, readArguments, wholeNumber } from './harness/command-line.js'
import { withTeardown } from './harness/teardown.js'

const [logins, perSecond] = readArguments(['sign-ins', wholeNumber, 5000], ['a second', fraction, 60])

await withTeardown(async t => {
  const figures = await runEventChaos(t, { logins, perSecond, brokerEnds: ['SIGTERM', 'SIGKILL', 'SIGKILL'], step: text => process.stderr.write(`${text}\n`) })
  console.table(figures)
  const { missing, repeated, unknown, failedWithPostgres } = figures
  if (missing + repeated + unknown + failedWithPostgres > 0) process.exitCode = 1
})
