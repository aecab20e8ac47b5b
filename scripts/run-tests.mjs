// Runs the tests against a PostgreSQL of its own and ends with the counts. Arguments are test files; without any, all run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import { allTestFiles, runTestFiles } from './test-files.mjs'

const TEMPLATE = 'template_auth'

const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-test-'))
// Data that nobody will miss needs no disk.
const postgres = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300' } })
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopped.abort())
try {
  await prepareDatabase(postgres.adminUrl, TEMPLATE, postgres.credentials)
  await migrate(connectionString(postgres.credentials, 'auth_owner', postgres.port, TEMPLATE))
  const files = process.argv.slice(2)
  const { pass, fail, skip, failures } = await runTestFiles(files.length > 0 ? files : allTestFiles(), { ...process.env, TEST_POSTGRES_URL: postgres.adminUrl }, stopped.signal)
  process.stdout.write(`\n${failures.map(failure => `${failure}\n`).join('')}${pass} passed, ${fail} failed, ${skip} skipped\n`)
  process.exitCode = fail > 0 || stopped.signal.aborted ? 1 : 0
} finally {
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}
