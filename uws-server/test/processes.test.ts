import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { mintAccessToken, type TestKeys } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import type { TestDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { claimsOf, createSocketEnv, freePort } from './fixtures/socket-server.js'
import { connect, type SocketClient } from './fixtures/socket-client.js'
import { SocketProcesses } from './fixtures/socket-processes.js'

// So many that all of them on one of two processes is no accident.
const SOCKETS = 40
const GENEROUS = { RATE_LIMIT_MULTIPLIER: '1000', WS_MAX_SOCKETS_PER_USER: '1000', WS_MAX_SOCKETS_PER_ADDRESS: '1000', WS_DRAIN_NOTICE: '0s' }

async function settings (t: Test, overrides: NodeJS.ProcessEnv = {}): Promise<{ env: NodeJS.ProcessEnv, keys: TestKeys, database: TestDatabase }> {
  const { env, keys, database } = await createSocketEnv(t)
  return { env: { ...env, ...GENEROUS, WS_PROCESSES: '2', ...overrides }, keys, database }
}

async function startTwo (t: Test, overrides: NodeJS.ProcessEnv = {}) {
  const { env, keys, database } = await settings(t, overrides)
  const processes = new SocketProcesses(t, env)
  await processes.isReady()
  return { env, keys, database, processes, open: (claims?: Record<string, unknown>) => openMany(env, keys, claims) }
}

async function openMany (env: NodeJS.ProcessEnv, keys: TestKeys, claims?: Record<string, unknown>): Promise<SocketClient[]> {
  const url = `ws://127.0.0.1:${env['PORT']}/ws?token=${await mintAccessToken(keys, claims)}`
  return await Promise.all(Array.from({ length: SOCKETS }, () => connect(url)))
}

function idsOf (clients: SocketClient[]): string[] {
  return clients.map(client => String(client.frames[0]!.payload['connectionId']))
}

t.test('both processes take sockets, an ended session ends on both, SIGTERM sends everyone elsewhere', async t => {
  const { processes, database, open } = await startTwo(t)
  const listening = await processes.listening(2)
  t.equal(new Set([processes.pid, ...listening]).size, 3, 'the primary serves nothing')

  const ended = claimsOf()
  const [leaving, staying] = [await open(ended), await open(claimsOf())]
  for (const clients of [leaving, staying]) t.same(new Set(await processes.servers(idsOf(clients))), new Set(listening))

  await database.pool.query("insert into revocations (sid, user_id, reason) values ($1, $2, 'logout')", [ended['sid'], ended['sub']])
  for (const { code } of await Promise.all(leaving.map(client => client.closed))) t.equal(code, 4410)

  processes.server.kill('SIGTERM')
  for (const { code } of await Promise.all(staying.map(client => client.closed))) t.equal(code, 1012)
  t.strictSame(await processes.exited, [0, null])
  await processes.allGone
  t.strictSame(await processes.complaints(), [])
})

t.test('one process is killed: its sockets are cut, the others live on, another takes its place', async t => {
  const { processes, open } = await startTwo(t)
  const [killed, other] = await processes.listening(2) as [number, number]
  const clients = await open()
  const servers = await processes.servers(idsOf(clients))
  process.kill(killed, 'SIGKILL')
  const [cut, alive] = [killed, other].map(pid => clients.filter((_client, index) => servers[index] === pid)) as [SocketClient[], SocketClient[]]
  for (const { code } of await Promise.all(cut.map(client => client.closed))) t.equal(code, 1006)

  const successor = (await processes.listening(3))[2]!
  t.same(new Set(await processes.servers(idsOf(await open()))), new Set([other, successor]))
  for (const client of alive) {
    client.say({ type: 'ping', id: 'still there' })
    t.equal((await client.answer('still there')).type, 'pong')
  }
})

t.test('the primary is killed: its processes send their clients elsewhere and end', async t => {
  const { env, processes, open } = await startTwo(t)
  const clients = await open()
  processes.server.kill('SIGKILL')
  for (const { code } of await Promise.all(clients.map(client => client.closed))) t.equal(code, 1012)
  await processes.allGone
  const successor = createServer().listen(Number(env['PORT']), '127.0.0.1')
  await once(successor, 'listening')
  successor.close()
})

t.test('a signal that reaches all of them at once, as Ctrl-C does, cuts nothing short', async t => {
  const { processes, open } = await startTwo(t)
  const clients = await open()
  process.kill(-processes.pid, 'SIGINT')
  for (const { code } of await Promise.all(clients.map(client => client.closed))) t.equal(code, 1012)
  t.strictSame(await processes.exited, [0, null])
  await processes.allGone
})

t.test('one that hangs is killed when the time for stopping is over', async t => {
  const { processes } = await startTwo(t, { WS_DRAIN_TIMEOUT: '1s' })
  const [hanging] = await processes.listening(2) as [number]
  process.kill(hanging, 'SIGSTOP')
  processes.server.kill('SIGTERM')
  t.strictSame(await processes.exited, [0, null])
  await processes.allGone
})

t.test('stopped or killed while they start, nothing is left', async t => {
  const { env } = await settings(t)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const listening of [0, 1]) {
      const processes = new SocketProcesses(t, env)
      await processes.listening(listening)
      processes.server.kill(signal)
      await t.resolves(processes.allGone)
    }
  }
})

t.test('what has to be put right is told once', async t => {
  const { env } = await settings(t)

  t.test('wrong settings', async t => {
    const processes = new SocketProcesses(t, { ...env, PORT: '70000', WS_MESSAGE_BURST: 'many' })
    t.strictSame(await processes.exited, [1, null])
    const complaints = await processes.complaints()
    t.equal(complaints.length, 2)
    for (const setting of ['PORT', 'WS_MESSAGE_BURST']) t.ok(complaints.some(line => line.startsWith(`uws-server: ${setting} `)), setting)
  })

  t.test('WS_PROCESSES itself', async t => {
    for (const wrong of ['0', '65', 'two', '1.5']) {
      const processes = new SocketProcesses(t, { ...env, WS_PROCESSES: wrong })
      t.strictSame(await processes.exited, [1, null])
      t.match(await processes.complaints(), [/^uws-server: WS_PROCESSES /])
    }
  })

  t.test('a database that does not answer', async t => {
    const processes = new SocketProcesses(t, { ...env, DATABASE_URL: `postgres://ws:secret@127.0.0.1:${await freePort()}/auth` })
    t.strictSame(await processes.exited, [1, null])
    await processes.allGone
    const complaints = await processes.complaints()
    t.match(complaints, [/^uws-server: DATABASE_URL: .*ECONNREFUSED/, /^uws-server: process \d+: exit code 1 while starting$/])
    t.equal(complaints.length, 2)
  })

  t.test('a port that is taken: by another program, by another group', async t => {
    const other = createServer().listen(Number(env['PORT']), '127.0.0.1')
    await once(other, 'listening')
    const refused = new SocketProcesses(t, env)
    t.strictSame(await refused.exited, [1, null])
    t.match(await refused.complaints(), [/^uws-server: PORT: cannot listen on 127\.0\.0\.1:\d+/])
    other.close()
    await once(other, 'close')

    const first = new SocketProcesses(t, env)
    await first.isReady()
    for (const WS_PROCESSES of ['2', '1']) {
      const second = new SocketProcesses(t, { ...env, WS_PROCESSES })
      t.strictSame(await second.exited, [1, null])
      t.match(await second.complaints(), [/^uws-server: PORT: cannot listen on/])
      t.strictSame(second.lines, [])
    }
  })
})

t.test('metrics are those of all processes together', async t => {
  const METRICS_PORT = String(await freePort())
  const { processes, database, open } = await startTwo(t, { METRICS_PORT })
  const read = () => fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)
  const ended = claimsOf()
  const clients = await open(ended)
  await database.pool.query("insert into revocations (sid, user_id, reason) values ($1, $2, 'logout')", [ended['sid'], ended['sub']])
  await Promise.all(clients.map(client => client.closed))

  const response = await read()
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  t.match(text, /^ws_processes 2$/m)
  t.match(text, /^ws_process_restarts_total 0$/m)
  t.match(text, /^revocation_propagation_seconds_count\{carrier="notify"\} 2$/m, 'each of them has heard of it')
  t.match(text, /^revocation_feed_staleness_seconds \d/m)
  t.match(text, /^process_resident_memory_bytes \d/m)

  t.test('one that hangs is no part left out of the sum', async t => {
    const [hanging] = await processes.listening(2) as [number]
    process.kill(hanging, 'SIGSTOP')
    t.equal((await read()).status, 500)
    process.kill(hanging, 'SIGCONT')
    t.equal((await read()).status, 200)
  })

  t.test('a restart is counted', async t => {
    const [killed] = await processes.listening(2) as [number]
    process.kill(killed, 'SIGKILL')
    await processes.listening(3)
    let later = ''
    do later = await (await read()).text(); while (!/^ws_processes 2$/m.test(later))
    t.match(later, /^ws_process_restarts_total 1$/m)
  })
})

t.test('one process has no primary above it', async t => {
  for (const WS_PROCESSES of ['1', '', '01']) {
    const { env } = await settings(t, { WS_PROCESSES, METRICS_PORT: String(await freePort()) })
    const processes = new SocketProcesses(t, env)
    await processes.isReady()
    t.strictSame(await processes.listening(1), [processes.pid])
    t.notMatch(await (await fetch(`http://127.0.0.1:${env['METRICS_PORT']}/metrics`)).text(), 'ws_processes')
    processes.server.kill('SIGTERM')
    t.strictSame(await processes.exited, [0, null])
  }
})
