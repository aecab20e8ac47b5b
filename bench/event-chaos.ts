// Sign-ins while RabbitMQ, the worker and PostgreSQL die: is each in the audit history exactly once? The tests do the same
// with fewer.
import { runEventChaos } from '../system-test/event-chaos/event-chaos.js'

const [logins = 5000, perSecond = 60] = process.argv.slice(2).map(Number)
const teardowns: Array<() => unknown> = []
const t = { teardown: (handler?: () => unknown) => { teardowns.push(handler!) } }

try {
  const figures = await runEventChaos(t, { logins, perSecond, brokerEnds: ['SIGTERM', 'SIGKILL', 'SIGKILL'], step: text => process.stderr.write(`${text}\n`) })
  console.table(figures)
  const { missing, repeated, unknown, failedWithPostgres } = figures
  if (missing + repeated + unknown + failedWithPostgres > 0) process.exitCode = 1
} finally {
  for (const teardown of teardowns.reverse()) await teardown()
}
