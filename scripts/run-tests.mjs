// Runs the tests against a PostgreSQL of its own and ends with the counts. Arguments are test files; without any, all run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'

const TEMPLATE = 'template_auth'
const project = fileURLToPath(new URL('..', import.meta.url))

async function main () {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-test-'))
  // Data that nobody will miss needs no disk.
  const postgres = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300' } })
  try {
    await prepareDatabase(postgres.adminUrl, TEMPLATE, postgres.credentials)
    await migrate(connectionString(postgres.credentials, 'auth_owner', postgres.port, TEMPLATE))
    return await runTap(path.join(folder, 'results.tap'), postgres.adminUrl)
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runTap (results, adminUrl) {
  const output = openSync(results, 'w')
  const tap = spawn(process.execPath, [path.join(project, 'scripts/test-files.mjs'), ...process.argv.slice(2)], {
    cwd: project, env: { ...process.env, TEST_POSTGRES_URL: adminUrl }, stdio: ['ignore', output, 'inherit']
  })
  const forward = signal => tap.kill(signal)
  process.on('SIGINT', forward).on('SIGTERM', forward)
  const [code] = await once(tap, 'exit')
  closeSync(output)
  const { total, pass, fail, skip, todo } = readCounts(results)
  if (fail > 0) process.stdout.write(`\n${readFailures(results).join('')}`)
  process.stdout.write(`\n${pass} passed, ${fail} failed, ${skip + todo} skipped\n`)
  return code === 0 && total === 0 ? 1 : code ?? 1
}

/** Each line that failed with what tap says about it. */
function readFailures (results) {
  return readFileSync(results, 'utf8').match(/^( *)not ok .*\n(\1 {2}---\n(?:.*\n)*?\1 {2}\.\.\.\n)?/gm)
}

// tap ends its output with one line such as "# { total: 12, pass: 11, fail: 1 }"; counts of zero are left out.
function readCounts (results) {
  const counts = { total: 0, pass: 0, fail: 0, skip: 0, todo: 0 }
  const summary = (existsSync(results) ? readFileSync(results, 'utf8') : '').match(/^# \{ (total: .*) \}$/gm)?.at(-1) ?? ''
  for (const [, name, count] of summary.matchAll(/(\w+): (\d+)/g)) counts[name] = Number(count)
  return counts
}

process.exitCode = await main()
