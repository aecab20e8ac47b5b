import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { processTree, untilGone } from '../../../system-test/fixtures/process-tree.js'
import { prepareDatabase } from '../src/database.js'
import { connectionString, findRunningPostgres, startEmbeddedPostgres, type EmbeddedPostgresOptions } from '../src/embedded-postgres.js'
import { temporaryFolder } from './fixtures/temporary-folder.js'

const HELPER = fileURLToPath(new URL('fixtures/run-postgres.ts', import.meta.url))

async function start (t: Test, dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' }, ...options })
  t.teardown(() => postgres.stop())
  return postgres
}

/** Runs PostgreSQL from a process that can be killed. */
async function startElsewhere (t: Test, dataDir: string) {
  const helper = fork(HELPER, [dataDir], { execArgv: ['--import', 'tsx'] })
  t.teardown(() => helper.kill('SIGKILL'))
  const [adminUrl] = await once(helper, 'message') as [string]
  return { helper, adminUrl }
}

async function query (url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return await client.query(statement).then(({ rows }) => rows).finally(() => client.end())
}

t.test('data and passwords are kept between runs, and only their owner can read them', async t => {
  const dataDir = temporaryFolder(t)
  const first = await start(t, dataDir)
  await query(first.adminUrl, 'create table kept as select 1 as value')
  await first.stop()
  t.equal(statSync(path.join(dataDir, 'credentials.json')).mode & 0o777, 0o600)
  t.equal(statSync(path.join(dataDir, 'postgres')).mode & 0o777, 0o700)
  t.same(readdirSync(dataDir).sort(), ['credentials.json', 'postgres'])

  const second = await start(t, dataDir)
  t.same(second.credentials, first.credentials)
  t.same(await query(second.adminUrl, 'select value from kept'), [{ value: 1 }])
})

t.test('nobody gets in without the password, and not from elsewhere', async t => {
  const { port, adminUrl, credentials } = await start(t, temporaryFolder(t))
  for (const password of ['wrong', '']) {
    await t.rejects(query(connectionString({ ...credentials, postgres: password }, 'postgres', port, 'postgres'), 'select 1'), `password "${password}"`)
  }
  t.match(await query(adminUrl, "select bool_and(auth_method = 'scram-sha-256') as scram from pg_hba_file_rules"), [{ scram: true }])
  t.match(await query(adminUrl, "select rolpassword like 'SCRAM-SHA-256$%' as scram from pg_authid where rolname = 'postgres'"), [{ scram: true }])
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? []).filter(({ internal, family }) => !internal && family === 'IPv4')
  for (const { address } of addresses) {
    const outcome = await new Promise(resolve => connect(port, address, () => resolve('connected')).on('error', err => resolve((err as NodeJS.ErrnoException).code)))
    t.equal(outcome, 'ECONNREFUSED', address)
  }
})

t.test('roles are least-privileged, and preparing twice changes nothing', async t => {
  const { port, adminUrl, credentials } = await start(t, temporaryFolder(t))
  await prepareDatabase(adminUrl, 'auth', credentials)
  await prepareDatabase(adminUrl, 'auth', credentials)
  t.same(await query(adminUrl, "select rolname from pg_roles where rolsuper and rolname !~ '^pg_'"), [{ rolname: 'postgres' }])
  for (const role of ['api', 'worker', 'ws'] as const) {
    const url = connectionString(credentials, role, port, 'auth')
    t.same(await query(url, 'select current_user as role'), [{ role }])
    await t.rejects(query(url, 'create table mine ()'), { code: '42501' }, role)
  }
  await query(connectionString(credentials, 'auth_owner', port, 'auth'), 'create table theirs ()')
})

t.test('a second start on the same folder is refused, and others can find the first', async t => {
  const dataDir = temporaryFolder(t)
  t.equal(findRunningPostgres(dataDir), undefined)
  const { port, credentials, stop } = await start(t, dataDir)
  await t.rejects(startEmbeddedPostgres({ dataDir }), { name: 'StartupError', message: /^DATA_DIR: process \d+ / })
  t.same(findRunningPostgres(dataDir), { port, credentials })
  await stop()
  t.equal(findRunningPostgres(dataDir), undefined)
})

t.test('it ends with its supervisor, even by SIGKILL, and starts again with the data', async t => {
  const dataDir = temporaryFolder(t)
  const { helper, adminUrl } = await startElsewhere(t, dataDir)
  await query(adminUrl, 'create table kept as select 1 as value')
  const tree = processTree(helper.pid!)
  t.ok(tree.length > 2)
  const ended = once(helper, 'exit')
  helper.kill('SIGKILL')
  await ended
  const postgres = await start(t, dataDir)               // at once: it waits for what is still ending
  t.same(await query(postgres.adminUrl, 'select value from kept'), [{ value: 1 }])
  await untilGone(tree)
})

t.test('after a crash of PostgreSQL itself the next start recovers', async t => {
  const dataDir = temporaryFolder(t)
  const first = await start(t, dataDir)
  await query(first.adminUrl, 'create table kept as select 1 as value')
  process.kill(Number.parseInt(readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10), 'SIGKILL')
  t.equal(await first.exited, 'SIGKILL')
  const second = await start(t, dataDir, { port: first.port })
  t.same(await query(second.adminUrl, 'select value from kept'), [{ value: 1 }])
})

t.test('a data folder that an interrupted first start left half made is made anew', async t => {
  const dataDir = temporaryFolder(t)
  mkdirSync(path.join(dataDir, 'postgres.new/base'), { recursive: true })
  writeFileSync(path.join(dataDir, 'postgres.new/PG_VERSION'), '18\n')
  await start(t, dataDir)
  t.notOk(readdirSync(dataDir).includes('postgres.new'))
})

t.test('a first start that is asked to give up leaves no process and no data folder', async t => {
  const dataDir = temporaryFolder(t)
  const giving = new AbortController()
  const starting = startEmbeddedPostgres({ dataDir, giveUp: giving.signal })
  const tree = processTree(process.pid).filter(({ command }) => command.includes('initdb'))
  t.ok(tree.length > 0)
  giving.abort()
  await t.rejects(starting)
  await untilGone(tree)
  t.same(readdirSync(dataDir), ['credentials.json'])
})

t.test('lost passwords are told, not replaced', async t => {
  const dataDir = temporaryFolder(t)
  await (await start(t, dataDir)).stop()
  rmSync(path.join(dataDir, 'credentials.json'))
  await t.rejects(startEmbeddedPostgres({ dataDir }), { name: 'StartupError', message: /credentials\.json is missing/ })
})
