import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { createKeyFiles } from './fixtures/api.js'
import { runServer } from './fixtures/programs.js'

interface Answer { status: number, connection: string | undefined, cookie: string, body: Record<string, unknown> }

interface Asked { method?: string, cookie?: string, body?: object, agent?: Agent | undefined }

/** One request to the API; without an agent on a connection of its own that the client would keep. */
async function ask (url: string, { method = 'GET', cookie, body, agent = new Agent({ keepAlive: true }) }: Asked = {}): Promise<Answer> {
  const sent = request(url, { method, agent, headers: { ...cookie === undefined ? {} : { cookie }, ...body === undefined ? {} : { 'content-type': 'application/json' } } })
  sent.end(body && JSON.stringify(body))
  const [response] = await once(sent, 'response') as [IncomingMessage]
  return {
    status: response.statusCode!,
    connection: response.headers.connection,
    cookie: response.headers['set-cookie']?.[0]?.split(';')[0] ?? '',
    body: await json(response) as Record<string, unknown>
  }
}

async function startServer (t: Test, env: NodeJS.ProcessEnv) {
  const database = await createDatabase(t)
  const server = await runServer(t, { ...(await createKeyFiles(t)).env, DATABASE_URL: database.connectionString, SEED_DEMO_USER: 'true', RATE_LIMIT_MULTIPLIER: '1000', BCRYPT_COST: '4', ...env })
  const signIn = (agent?: Agent) => ask(`${server.url}/api/login`, { method: 'POST', body: DEMO_ACCOUNT, agent })
  const refresh = (cookie: string, agent?: Agent) => ask(`${server.url}/api/refresh`, { method: 'POST', cookie, agent })
  const openTcp = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const isDraining = () => until(() => server.output().includes('"stopping"'))
  const isClosed = () => until(async () => await openTcp().then(socket => !socket.destroy(), () => true))
  return { ...server, database, signIn, refresh, openTcp, isDraining, isClosed }
}

t.test('for the notice it answers as before and says on each connection that it is the last answer', async t => {
  const server = await startServer(t, { DRAIN_NOTICE: '3s' })
  const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true }))
  const [first, ...others] = await Promise.all(agents.map(agent => server.signIn(agent)))
  t.equal(first!.connection, 'keep-alive')
  const [pipelining, idle] = [await server.openTcp(), await server.openTcp()]
  const pipelined = text(pipelining)
  server.child.kill('SIGTERM')
  await server.isDraining()

  t.match(await ask(`${server.url}/api/ready`), { status: 503, connection: 'close', body: { status: 'draining', checks: { postgres: 'ok', revocations: 'ok' } } })
  t.match(await ask(`${server.url}/api/health`), { status: 200, connection: 'close' })
  t.match(await server.refresh(first!.cookie, agents[0]), { status: 200, connection: 'close' }, 'on a connection that was kept')
  t.match(await server.signIn(), { status: 200, connection: 'close' }, 'on a new one')
  const line = (method: string, path: string, more = '') => `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  pipelining.write(line('POST', '/api/refresh', `Cookie: ${others[0]!.cookie}\r\nContent-Length: 0\r\n`) + line('GET', '/api/nothing') + line('GET', '/api/health'))
  const answers = (await pipelined).split(/(?=HTTP\/1\.1 )/)
  t.same(answers.map(answer => [answer.slice(9, 12), /^connection: close/im.test(answer)]), [['200', false], ['404', false], ['200', true]], 'what was pipelined is answered as a whole')

  await once(idle.resume(), 'close')
  t.equal(await server.stop(), 0)
})

t.test('what was asked is answered after nothing new is accepted: waiting for a lock, hashing, half sent', async t => {
  const server = await startServer(t, { BCRYPT_COST: '12' })
  const { cookie } = await server.signIn()
  const blocker = await server.database.pool.connect()
  await blocker.query('begin; select from sessions for update')
  const refreshing = server.refresh(cookie)
  const hashing = Array.from({ length: 3 }, () => server.signIn())
  const halfSent = await server.openTcp()
  halfSent.write('GET /api/health HTTP/1.1\r\n')
  const silentEnds = once((await server.openTcp()).resume(), 'close')
  await until(async () => (await server.database.pool.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).rowCount === 1)
  // Three at a time are being hashed or wait for it by then: this one came after them.
  t.equal((await ask(`${server.url}/api/health`)).status, 200)
  server.child.kill('SIGTERM')
  await server.isClosed()
  const answer = text(halfSent)
  halfSent.write('Host: x\r\n\r\n')
  await blocker.query('rollback')
  blocker.release()

  t.match(await refreshing, { status: 200, connection: 'close' })
  for (const { status, connection } of await Promise.all(hashing)) t.match({ status, connection }, { status: 200, connection: 'close' })
  t.match(await answer, /^HTTP\/1\.1 200 [\s\S]*connection: close/i)
  await silentEnds
  t.equal(await server.stop(), 0)
})

t.test('a connection that says nothing, or stops in the middle, keeps nobody from stopping', async t => {
  const server = await startServer(t, {})
  const sockets = [await server.openTcp(), await server.openTcp()]
  sockets[1]!.write('POST /api/login HTTP/1.1\r\n')
  const kept = new Agent({ keepAlive: true })
  await ask(`${server.url}/api/health`, { agent: kept })
  await sleep(50)
  t.equal(await server.stop(), 0)
  t.notMatch(server.output(), /"level":"(error|fatal)"/)
})
