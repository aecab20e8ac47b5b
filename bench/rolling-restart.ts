// Clients refresh and hold sockets through nginx while every process is restarted twice and nginx reloads: is anybody
// signed out, does every socket come back? `npm run bench:rolling-restart -- 120 100` for other than 60 seconds and 50 clients.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import { runRollingRestart } from '../system-test/rolling-restart/rolling-restart.js'

/** What the tests' databases are copies of. */
const TEMPLATE = 'template_auth'
const [seconds = 60, clients = 50] = process.argv.slice(2).map(Number)
const teardowns: Array<() => unknown> = []
const t = { teardown: (handler?: () => unknown) => { teardowns.push(handler!) } }

try {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-bench-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { adminUrl, credentials, port, stop } = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off', max_connections: '300' } })
  t.teardown(stop)
  await prepareDatabase(adminUrl, TEMPLATE, credentials)
  await migrate(connectionString(credentials, 'auth_owner', port, TEMPLATE))
  process.env['TEST_POSTGRES_URL'] = adminUrl

  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`)
  const figures = await runRollingRestart(t, { clients, rounds: 2, seconds, step: text => process.stderr.write(`${text}\n`) })
  console.table(Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, typeof value === 'number' ? value : JSON.stringify(value)])))
  if (figures.failedRefreshes + figures.notBack > 0) process.exitCode = 1
} finally {
  for (const teardown of teardowns.reverse()) await teardown()
}
