import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createDatabase } from '../packages/auth-contract/test/fixtures/database.js'
import { createPlace, logIn, startLocalMode, type LocalModePlace } from './fixtures/local-mode.js'
import { processTree } from './fixtures/process-tree.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

function admin ({ dataDir, keysDir }: LocalModePlace, args: string[], input = ''): { status: number | null, stdout: string, stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['packages/local-mode/dist/admin.js', ...args], {
    cwd: PROJECT,
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, KEYS_DIR: keysDir },
    input,
    encoding: 'utf8'
  })
  return { status, stdout, stderr }
}

const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!await condition()) await new Promise(resolve => setTimeout(resolve, 50))
}

t.test('start.sh runs everything, a second start finds the data again, and each stop leaves no process', async t => {
  const first = await startLocalMode(t)
  t.match(first.output(), first.url)
  t.match(first.output(), first.wsUrl)
  t.match(first.output(), 'testuser / password123')
  t.equal((await fetch(`${first.url}/`)).status, 200)
  t.equal(await logIn(first), 200)
  t.equal(admin(first, ['user', 'create', 'alice'], 'a long enough passphrase\n').status, 0)
  t.equal(await first.stop('SIGINT'), 0)

  t.match(admin(first, ['user', 'list']), { status: 0, stdout: /alice[^]*2 accounts/ }, 'the admin command starts the database itself')
  const second = await startLocalMode(t, {}, first)
  t.equal(await logIn(second, 'alice', 'a long enough passphrase'), 200)
  t.match(admin(second, ['user', 'list']), { status: 0, stdout: /2 accounts/ })
  t.equal(await second.stop('SIGTERM'), 0)
  const third = await startLocalMode(t, {}, first)
  t.equal(await third.stop('SIGHUP'), 0)
})

t.test('a part that is killed is started again', async t => {
  const running = await startLocalMode(t)
  for (const part of ['postgres', 'worker', 'ws', 'api'] as const) {
    const before = running.partPid(part)!
    process.kill(before, 'SIGKILL')
    await until(() => ![before, undefined].includes(running.partPid(part)))
  }
  await until(() => logIn(running).then(status => status === 200, () => false))
  t.equal(await running.stop(), 0)
})

t.test('when the supervisor is killed nothing outlives it, and the next start recovers', async t => {
  const first = await startLocalMode(t)
  t.equal(await logIn(first), 200)
  t.equal(await first.stop('SIGKILL'), 'SIGKILL')
  const second = await startLocalMode(t, {}, first)
  t.equal(await logIn(second), 200)
})

t.test('DATABASE_URL replaces the embedded PostgreSQL', async t => {
  const { connectionString } = await createDatabase(t)
  const running = await startLocalMode(t, { DATABASE_URL: connectionString, SEED_DEMO_USER: 'true' })
  t.equal(running.partPid('postgres'), undefined)
  t.equal(await logIn(running), 200)
  t.equal(await running.stop(), 0)
})

t.test('a stop in the middle of the first start leaves nothing half made', async t => {
  const place = await createPlace(t)
  const starting = startLocalMode(t, {}, place)
  starting.catch(() => {})
  await until(() => processTree(process.pid).some(({ command }) => command.includes('initdb')))
  for (const { pid, command, parent } of processTree(process.pid)) {
    if (parent === process.pid && command.includes('start.js')) process.kill(pid, 'SIGINT')
  }
  await t.rejects(starting, { message: /ended with 0/ })
  const running = await startLocalMode(t, {}, place)
  t.equal(await logIn(running), 200)
})
