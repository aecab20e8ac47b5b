import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { mintAccessToken } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { SocketClient, connect } from './fixtures/socket-client.js'
import { createSocketEnv, freePort } from './fixtures/socket-server.js'

const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url))

function start (env: NodeJS.ProcessEnv) {
  const server = spawn(process.execPath, [SERVER], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  return { server, stdout: text(server.stdout!), stderr: text(server.stderr!), exited: once(server, 'exit') as Promise<[number | null, string | null]> }
}

/** Runs a server that must not start. */
async function failToStart (env: NodeJS.ProcessEnv): Promise<{ code: number | null, lines: string[] }> {
  const { exited, stderr } = start(env)
  const [code] = await exited
  return { code, lines: (await stderr).trimEnd().split('\n') }
}

t.test('what an operator must put right ends the start with a sentence that names the setting', async t => {
  const { env, database } = await createSocketEnv(t)

  t.test('a key file that is not there', async t => {
    const { code, lines } = await failToStart({ ...env, PUBLIC_KEY_PATH: '/nowhere/public.pem' })
    t.equal(code, 1)
    t.strictSame(lines, ['uws-server: PUBLIC_KEY_PATH: cannot read /nowhere/public.pem (ENOENT); run ./generate-keys.sh first, or where the API has keys already set KEYS_DIR to their folder or PUBLIC_KEY_PATH to the file'])
  })

  t.test('a key file that holds no key', async t => {
    const { code, lines } = await failToStart({ ...env, PUBLIC_KEY_PATH: SERVER })
    t.equal(code, 1)
    t.match(lines, [/^uws-server: PUBLIC_KEY_PATH: /])
    t.equal(lines.length, 1)
  })

  t.test('wrong settings, all at once, and never their values', async t => {
    const secret = 'not-a-url-with-a-secret'
    const { code, lines } = await failToStart({
      ...env, PORT: '70000', DATABASE_URL: secret, ACCESS_TOKEN_MAX_AGE: 'soon', WS_MESSAGE_BURST: 'many', LOG_LEVEL: 'loud', REVOCATION_MAX_STALENESS: '1s'
    })
    t.equal(code, 1)
    for (const setting of ['PORT', 'DATABASE_URL', 'ACCESS_TOKEN_MAX_AGE', 'WS_MESSAGE_BURST', 'LOG_LEVEL', 'REVOCATION_MAX_STALENESS']) {
      t.ok(lines.some(line => line.startsWith(`uws-server: ${setting} `)), setting)
    }
    t.equal(lines.length, 6)
    t.notMatch(lines.join('\n'), secret)
  })

  t.test('no settings at all', async t => {
    const { code, lines } = await failToStart({})
    t.equal(code, 1)
    t.match(lines, ['uws-server: DATABASE_URL is not set'])
  })

  t.test('an origin that is none', async t => {
    const { code, lines } = await failToStart({ ...env, ALLOWED_ORIGINS: 'https://app.example.com,https://app.example.com/path' })
    t.equal(code, 1)
    t.match(lines, [/^uws-server: ALLOWED_ORIGINS[: ]/])
  })

  t.test('a database that does not answer, for either address', async t => {
    const nowhere = `postgres://ws:secret@127.0.0.1:${await freePort()}/auth`
    for (const setting of ['DATABASE_URL', 'DATABASE_LISTEN_URL']) {
      const { code, lines } = await failToStart({ ...env, [setting]: nowhere })
      t.equal(code, 1)
      t.match(lines, [new RegExp(`^uws-server: ${setting}: .*ECONNREFUSED`)])
      t.equal(lines.length, 1)
      t.notMatch(lines.join('\n'), 'secret')
    }
  })

  t.test('a database without tables', async t => {
    const empty = Object.assign(new URL(database.connectionString), { pathname: '/template1' }).href
    const { code, lines } = await failToStart({ ...env, DATABASE_URL: empty })
    t.equal(code, 1)
    t.match(lines, [/^uws-server: DATABASE_URL: the database lacks tables of this version; run npm run migrate/])
  })

  t.test('a port that is taken, also by another socket server', async t => {
    const other = createServer().listen(Number(env['PORT']), '127.0.0.1')
    await once(other, 'listening')
    const { code, lines } = await failToStart(env)
    t.equal(code, 1)
    t.match(lines, [/^uws-server: PORT: cannot listen on 127\.0\.0\.1:\d+/])
    other.close()
    await once(other, 'close')

    const first = start(env)
    await once(first.server, 'message')
    const second = await failToStart(env)
    t.equal(second.code, 1)
    t.match(second.lines, [/^uws-server: PORT: /])
    first.server.kill('SIGTERM')
    t.strictSame(await first.exited, [0, null])
  })
})

t.test('a whole life: ready, a socket, SIGTERM, exit 0, and no access token in what it printed', async t => {
  const { env, keys } = await createSocketEnv(t)
  const { server, exited, stdout, stderr } = start(env)
  const [message] = await once(server, 'message')
  t.equal(message, 'ready')

  const accessToken = await mintAccessToken(keys)
  const url = `ws://127.0.0.1:${env['PORT']}/ws?token=${accessToken}`
  const client = await connect(url)
  client.say({ type: 'reauth', id: 'bad', access: `${accessToken}x` })
  await client.answer('bad')
  await new SocketClient(`${url}x`, { origin: env['ALLOWED_ORIGINS']! }).closed

  server.kill('SIGTERM')
  t.strictSame(await client.closed, { code: 1012, reason: 'service restart' })
  t.equal(client.frames.at(-1)!.type, 'server_draining')
  t.strictSame(await exited, [0, null])

  const printed = await stdout + await stderr
  t.match(printed, '"msg":"listening"')
  t.match(printed, '"msg":"socket opened"')
  for (const secret of accessToken.split('.').slice(1)) t.notOk(printed.includes(secret))
  for (const line of printed.trimEnd().split('\n')) JSON.parse(line)
})
