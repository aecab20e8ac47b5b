import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { processTree, untilGone } from '../../system-test/fixtures/process-tree.js'
import { createKeyFiles } from './fixtures/api.js'
import { runServer, type RunningServer } from './fixtures/programs.js'

const SCHED_IDLE = '5'                                // of <linux/sched.h>
const POLICY_FIELD = 41                               // of /proc/PID/stat, proc(5)

const hasIdlePriority = process.platform === 'linux' && spawnSync('sh', ['-c', 'chrt -a -i -p 0 $$']).status === 0
const skip = hasIdlePriority || process.env['CI'] === 'true' ? false : 'no chrt here'

t.test('the hash processes of the built API', { skip }, async t => {
  const { connectionString } = await createDatabase(t)
  const { env: files } = await createKeyFiles(t)
  const env = { ...files, DATABASE_URL: connectionString, SEED_DEMO_USER: 'true', BCRYPT_COST: '10', RATE_LIMIT_MULTIPLIER: '1000' }
  const start = async (t: Test, overrides: NodeJS.ProcessEnv = {}) => {
    const server = await runServer(t, { ...env, ...overrides })
    return { server, hashing: () => processTree(server.child.pid!).filter(({ command }) => command.includes('hash-process.js')) }
  }

  t.test('are of idle priority and know no secret', async t => {
    const { server, hashing } = await start(t)
    t.ok(hashing().length > 0)
    t.equal(await logIn(server), 200)
    for (const { pid, command } of hashing()) {
      // Each thread: the one that hashes is none of Node.js' own.
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
        t.equal(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY_FIELD - 3], SCHED_IDLE)
      }
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      const names = environment.split('\0').map(line => line.split('=')[0]!)
      t.same(names.filter(name => Object.hasOwn(env, name)), [])
      const pepper = readFileSync(files['PASSWORD_PEPPER_PATH']!, 'utf8').trim().slice(2)
      for (const secret of [pepper, 'password123', 'postgres://', 'postgresql://']) t.notMatch(command + environment, secret)
    }
    t.equal(await server.stop(), 0)
    t.same(hashing(), [])
  })

  t.test('killed one after the other during logins: each is answered, and soon they work again', async t => {
    const { server, hashing } = await start(t)
    const before = hashing()
    const logins = Promise.all(Array.from({ length: 6 }, () => logIn(server)))
    for (const { pid } of before) process.kill(pid, 'SIGKILL')
    for (const status of await logins) t.ok([200, 503].includes(status), `${status}`)
    while (await logIn(server) !== 200) continue
    t.match(server.output(), 'a hash process ended by itself')
    t.ok(hashing().every(({ pid }) => before.every(old => old.pid !== pid)))
  })

  t.test('get no processor: whoever asked is told after a while, and soon they work again', async t => {
    const { server, hashing } = await start(t)
    const { accessToken } = await (await signIn(server)).json() as { accessToken: string }
    const stopped = hashing()
    for (const { pid } of stopped) process.kill(pid, 'SIGSTOP')
    const answers = await Promise.all([signIn(server), ask(server, '/api/reauthenticate', { password: 'password123' }, { authorization: `Bearer ${accessToken}` })])
    for (const answer of answers) {
      t.equal(answer.status, 503)
      t.match(await answer.json(), { code: 'overloaded' })
    }
    for (const { pid } of stopped) process.kill(pid, 'SIGCONT')
    while (await logIn(server) !== 200) continue
    t.same(hashing(), stopped)
  })

  t.test('end with an API that is killed, at work or not', async t => {
    const { server, hashing } = await start(t, { BCRYPT_COST: '12' })
    const left = hashing()
    t.ok(left.length > 0)
    const login = logIn(server)
    const exited = once(server.child, 'exit')
    server.child.kill('SIGKILL')
    await Promise.all([exited, t.rejects(login), untilGone(left)])
  })

  t.test('leave the end to the API, though a terminal or a service manager signals every process there is', async t => {
    const { server, hashing } = await start(t)
    const before = hashing()
    for (const { pid } of before) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal)
    t.same(await Promise.all([logIn(server), logIn(server)]), [200, 200])
    t.same(hashing(), before)
  })
})

t.test('without chrt the threads of the API hash', async t => {
  const { connectionString } = await createDatabase(t)
  const { env: files } = await createKeyFiles(t)
  const server = await runServer(t, { ...files, DATABASE_URL: connectionString, SEED_DEMO_USER: 'true', BCRYPT_COST: '4', PATH: '/nowhere' })
  t.equal(await logIn(server), 200)
  t.equal(processTree(server.child.pid!).length, 1)
  t.match(server.output(), 'hashed in the threads of this process')
})

async function logIn (server: RunningServer): Promise<number> {
  const response = await signIn(server)
  await response.text()
  return response.status
}

function signIn (server: RunningServer): Promise<Response> {
  return ask(server, '/api/login', { username: 'testuser', password: 'password123' })
}

function ask ({ url }: RunningServer, path: string, body: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
}
