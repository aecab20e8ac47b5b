// Clients refresh and hold sockets through nginx while every process is restarted twice and nginx reloads: is anybody
// signed out, does every socket come back? `npm run bench:rolling-restart -- 120 100` for other than 60 seconds and 50 clients.
import { cpus } from 'node:os'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString } from '@fastify-uws-auth/local-mode/embedded-postgres'
import { runRollingRestart } from '../system-test/rolling-restart/rolling-restart.js'
import { fraction, readArguments, wholeNumber } from './harness/command-line.js'
import { startBenchPostgres } from './harness/database.js'
import { withTeardown } from './harness/teardown.js'

/** What the tests' databases are copies of. */
const TEMPLATE = 'template_auth'
const [seconds, clients] = readArguments(['seconds', fraction, 60], ['clients', wholeNumber, 50])

await withTeardown(async t => {
  const { adminUrl, credentials, port } = await startBenchPostgres(t, { fsync: 'off', max_connections: '300' })
  await prepareDatabase(adminUrl, TEMPLATE, credentials)
  await migrate(connectionString(credentials, 'auth_owner', port, TEMPLATE))
  process.env['TEST_POSTGRES_URL'] = adminUrl

  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`)
  const figures = await runRollingRestart(t, { clients, rounds: 2, seconds, step: text => process.stderr.write(`${text}\n`) })
  console.table(Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, typeof value === 'number' ? value : JSON.stringify(value)])))
  if (figures.failedRefreshes + figures.notBack > 0) process.exitCode = 1
})
