import { randomBytes, randomInt } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectionString, findRunningPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import { connect } from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createRabbit, RABBITMQ_MISSING } from '../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { createRedis, REDIS_MISSING } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { startSmtpServer } from '../fastify-api/test/fixtures/smtp-server.js'
import { checkPortIsFree } from '../packages/local-mode/src/ports.js'
import { startLocalMode, type LocalMode } from './fixtures/local-mode.js'

interface Answer { status: number, body: string, json: Record<string, string>, cookies: Record<string, string> }

t.test('no password, token, cookie or code is in any message, queue, log line, metric, mail, table of events or error', { skip: RABBITMQ_MISSING || REDIS_MISSING }, async t => {
  const secrets = new Map<string, string>()
  const canary = (name: string) => {
    const value = `canary-${randomBytes(9).toString('hex')}`
    secrets.set(name, value)
    return value
  }
  const broker = await createRabbit(t)
  const messages = await readMessages(t, broker.url)
  const redis = await createRedis(t)
  const commands = await watchRedis(t, redis.url)
  const smtp = await startSmtpServer(t)
  const metricsPort = await findThreePorts()
  const local = await startLocalMode(t, {
    AMQP_URL: broker.url, REDIS_URL: redis.url, SMTP_URL: smtp.url, LOG_LEVEL: 'trace', BCRYPT_COST: '4', METRICS_PORT: String(metricsPort), RATE_LIMIT_MULTIPLIER: '100'
  })
  keepSecretsOfFiles(local, secrets)

  const errors: string[] = []
  const call = async (method: string, url: string, { headers = {}, body }: { headers?: Record<string, string>, body?: unknown } = {}): Promise<Answer> => {
    const response = await fetch(`${local.url}${url}`, { method, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, body: body === undefined ? null : JSON.stringify(body) })
    const text = await response.text()
    const json = text.startsWith('{') ? JSON.parse(text) as Record<string, string> : {}
    const cookies = Object.fromEntries(response.headers.getSetCookie().map(cookie => cookie.split(';')[0]!.split('=') as [string, string]))
    for (const [name, value] of [...Object.entries(cookies), ['accessToken', json['accessToken']], ['ticket', json['ticket']]] as const) {
      if (value) secrets.set(`${name} ${secrets.size}`, value)
    }
    if (response.status >= 400) errors.push(text)
    return { status: response.status, body: text, json, cookies }
  }

  t.comment('an account with a canary for a password, and everything that can go wrong with it')
  const password = canary('password')
  createAccount(local, 'ada', password)
  const login = async (given: string, headers: Record<string, string> = {}, username = 'ada') => await call('POST', '/api/login', { headers, body: { username, password: given } })
  const first = await login(password)
  t.equal(first.status, 200)
  const cookieHeader = (cookies: Record<string, string>) => Object.entries(cookies).map(pair => pair.join('=')).join('; ')
  t.equal((await login(canary('wrong password'))).status, 401)
  t.equal((await login(canary('password of nobody'), {}, 'nobody')).status, 401)
  t.equal((await login('x', {}, canary('password typed as the name'))).status, 401)
  t.equal((await call('POST', '/api/login', { body: { username: [canary('name of the wrong type')], password: { a: canary('password of the wrong type') } } })).status, 400)
  t.equal((await call('POST', `/api/login?password=${canary('password in the query')}`, { body: { username: 'ada', password: canary('long password').repeat(1000) } })).status, 413)
  t.equal((await login(password, { origin: 'https://elsewhere.test', cookie: `device=${canary('device cookie')}; refreshToken=${canary('refresh cookie')}` })).status, 403)
  t.equal((await login(password, { cookie: `device=${canary('made-up device')}; refreshToken=${canary('made-up refresh token')}` })).status, 200)

  const second = await call('POST', '/api/refresh', { headers: { cookie: cookieHeader(first.cookies) } })
  t.equal(second.status, 200)
  t.equal((await call('POST', '/api/refresh', { headers: { cookie: `refreshToken=${canary('refresh token')}` } })).status, 401)
  const bearer = { authorization: `Bearer ${second.json['accessToken']}` }
  for (const [status, method, url, headers, body] of [
    [200, 'GET', '/api/protected', bearer, undefined],
    [200, 'GET', '/api/me', bearer, undefined],
    [200, 'GET', '/api/me/history', bearer, undefined],
    [200, 'GET', '/api/sessions', bearer, undefined],
    [200, 'GET', '/api/devices', bearer, undefined],
    [204, 'POST', '/api/reauthenticate', bearer, { password }],
    [401, 'POST', '/api/reauthenticate', bearer, { password: canary('reauthentication') }],
    [401, 'GET', `/api/me?access_token=${canary('access token in the query')}`, {}, undefined],
    [401, 'GET', '/api/me', { authorization: `Bearer ${canary('bearer')}` }, undefined],
    [401, 'GET', '/api/me', { authorization: `Basic ${canary('basic')}` }, undefined],
    [404, 'GET', `/api/nothing?token=${canary('token in the query')}`, {}, undefined]
  ] as const) t.equal((await call(method, url, { headers, body })).status, status, `${method} ${url.split('?')[0]}`)

  t.comment('sockets by every carrier')
  const { json: { ticket } } = await call('POST', '/api/ws-ticket', { headers: bearer })
  const reauth = JSON.stringify({ type: 'reauth', access: second.json['accessToken'] })
  await converse(`${local.wsUrl}?ticket=${ticket}`, [reauth, JSON.stringify({ type: 'reauth', access: canary('reauth') }), JSON.stringify({ type: 'echo', payload: 1 })])
  await converse(`${local.wsUrl}?token=${second.json['accessToken']}`, [reauth])
  await converse(`${local.wsUrl}?token=${canary('socket token')}`, [])
  await converse(`${local.wsUrl}?ticket=${canary('socket ticket')}`, [])
  await converse(local.wsUrl, [JSON.stringify({ type: 'auth', access: canary('auth message') })])

  t.comment('theft, a new password, a crash of the API')
  const { port, credentials } = findRunningPostgres(local.dataDir)!
  const database = new pg.Pool({ connectionString: connectionString(credentials, 'auth_owner', port, 'auth'), max: 2 })
  database.on('error', () => {})
  t.teardown(() => database.end())
  await database.query("update sessions set confirmed_generation = generation, rotated_at = rotated_at - interval '1 hour'")
  t.equal((await call('POST', '/api/refresh', { headers: { cookie: cookieHeader(first.cookies) } })).status, 401)
  const changed = canary('new password')
  admin(local, ['user', 'set-password', 'ada'], changed)
  t.equal((await login(changed)).status, 200)
  process.kill(local.partPid('api')!, 'SIGKILL')
  await until(async () => await fetch(`${local.url}/api/ready`).then(({ status }) => status === 200, () => false))

  t.comment('garbage on the queues')
  await messages.publishGarbage()
  await until(async () => (await database.query('select from outbox limit 1')).rowCount === 0)
  await until(async () => (await database.query("select from audit_log where type = 'password.changed'")).rowCount === 1)
  await until(() => smtp.received.length >= 3)          // a new device, theft, a changed password
  const metrics = (await Promise.all([0, 1, 2].map(async offset => await (await fetch(`http://127.0.0.1:${metricsPort + offset}/metrics`)).text()))).join('\n')
  const dead = await messages.readDead()
  const tables = await dumpTables(database, ['outbox', 'dead_letters', 'audit_log', 'mails', 'revocations', ...await tablesLike(database, 'signal%'), ...await tablesLike(database, 'risk%')])
  await local.stop()

  const places: Record<string, string> = {
    'the log': local.output(),
    'the messages': messages.seen.join('\n'),
    'the dead letters': dead.join('\n'),
    'what Redis was told': commands.join('\n'),
    'the metrics': metrics,
    'the mails': smtp.received.map(mail => JSON.stringify(mail)).join('\n'),
    'the tables of events': tables,
    'the errors': errors.join('\n')
  }
  for (const type of ['login.succeeded', 'login.failed', 'session.theft', 'session.revoked', 'password.changed']) t.match(places['the messages'], type)
  t.match(places['the log'], /login\.failed/)
  t.match(places['the metrics'], /login_total/)
  t.match(places['what Redis was told'], /revocations/)
  t.ok(dead.length > 0 && errors.length > 10 && secrets.size > 35, `${secrets.size} secrets`)
  for (const [place, text] of Object.entries(places)) {
    const found = [...secrets].filter(([, secret]) => formsOf(secret).some(form => text.includes(form))).map(([name]) => name)
    t.same(found, [], `${place}, ${text.length} characters`)
  }
})

// As text, and as it would look encoded.
function formsOf (secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [secret, encodeURIComponent(secret), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')]
}

/** Peppers, the private key and the passwords of the database roles. */
function keepSecretsOfFiles ({ dataDir, keysDir }: LocalMode, secrets: Map<string, string>): void {
  for (const name of readdirSync(keysDir).filter(name => name.endsWith('.pepper'))) secrets.set(name, readFileSync(path.join(keysDir, name), 'utf8').trim().split(':')[1]!)
  secrets.set('private key', readFileSync(path.join(keysDir, 'private.pem'), 'utf8').split('\n')[5]!)
  for (const [role, password] of Object.entries(findRunningPostgres(dataDir)!.credentials)) secrets.set(`database password of ${role}`, password)
}

function createAccount (local: LocalMode, username: string, password: string): void {
  admin(local, ['user', 'create', username, '--email', `${username}@example.test`], password)
}

function admin ({ dataDir, keysDir }: LocalMode, args: string[], password: string): void {
  const program = fileURLToPath(new URL('../packages/local-mode/dist/admin.js', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'], DATA_DIR: dataDir, KEYS_DIR: keysDir, BCRYPT_COST: '4' }, input: `${password}\n`, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** Everything that is published to the exchange, with its headers. */
async function readMessages (t: Test, url: string) {
  const connection = await connect(url)
  t.teardown(() => connection.close())
  const channel = await connection.createConfirmChannel()
  await channel.assertExchange('auth.events', 'topic', { durable: true })
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, 'auth.events', '#')
  const seen: string[] = []
  await channel.consume(queue, message => { if (message) seen.push(message.content.toString(), JSON.stringify(message.properties)) }, { noAck: true })
  return {
    seen,
    async publishGarbage () {
      channel.publish('auth.events', 'login.failed', Buffer.from('no event'))
      await channel.waitForConfirms()
    },
    async readDead (): Promise<string[]> {
      const dead: string[] = []
      for (const name of ['audit', 'mail', 'signals']) {
        for (;;) {
          const message = await channel.get(`auth.${name}.dead`, { noAck: true })
          if (message === false) break
          dead.push(message.content.toString(), JSON.stringify(message.properties))
        }
      }
      return dead
    }
  }
}

/** Every command that anybody sends to Redis. */
async function watchRedis (t: Test, url: string): Promise<string[]> {
  const commands: string[] = []
  const client = new Redis(url)
  const monitor = await client.monitor()
  t.teardown(() => { client.disconnect(); monitor.disconnect() })
  monitor.on('monitor', (_time: string, args: string[]) => commands.push(args.join(' ')))
  return commands
}

async function converse (url: string, frames: string[]): Promise<void> {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  socket.once('open', () => {
    for (const frame of frames) socket.send(frame)
    setTimeout(() => socket.close(), 500)
  })
  await new Promise(resolve => socket.once('close', resolve))
}

async function tablesLike (database: pg.Pool, pattern: string): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_name like $1", [pattern])
  return rows.map(({ name }) => name)
}

async function dumpTables (database: pg.Pool, names: string[]): Promise<string> {
  const dumps = await Promise.all(names.map(async name => (await database.query<{ row: string }>(`select t::text as row from ${pg.escapeIdentifier(name)} t`)).rows))
  return dumps.flat().map(({ row }) => row).join('\n')
}

/** The first of three free ports in a row. */
async function findThreePorts (): Promise<number> {
  for (;;) {
    const first = randomInt(32_000, 32_700)
    const areFree = await Promise.all([0, 1, 2].map(async offset => checkPortIsFree('PORT', '127.0.0.1', first + offset).then(() => true, () => false)))
    if (areFree.every(Boolean)) return first
  }
}
