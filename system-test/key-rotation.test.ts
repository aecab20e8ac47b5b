import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { WebSocket } from 'ws'
import { refreshPersistently, signIn } from './fixtures/http-client.js'
import { startLocalMode } from './fixtures/local-mode.js'

const GENERATE_KEYS = fileURLToPath(new URL('../generate-keys.sh', import.meta.url))

function generateKeys (keysDir: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(GENERATE_KEYS, ['--bits', '2048', ...args], { env: { PATH: process.env['PATH'], KEYS_DIR: keysDir }, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

// As if the newest key had been made two minutes ago: it signs as soon as it is read.
function backdateNewestKey (keysDir: string): void {
  for (const name of ['public.pem', 'private.pem']) {
    const file = path.join(keysDir, name)
    const text = readFileSync(file, 'utf8')
    const line = text.lastIndexOf('Created: ')
    const end = text.indexOf('\n', line)
    const earlier = new Date(Date.parse(text.slice(line + 'Created: '.length, end)) - 120_000).toISOString()
    rmSync(file)
    writeFileSync(file, `${text.slice(0, line)}Created: ${earlier}${text.slice(end)}`, { mode: 0o400 })
  }
}

const kidOf = (accessToken: string): string => JSON.parse(Buffer.from(accessToken.split('.')[0]!, 'base64url').toString()).kid

t.test('keys rotate and are dropped under load, and no request fails because of it', async t => {
  const local = await startLocalMode(t, { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '100000' })
  let client = await signIn(local.url)
  const first = kidOf(client.accessToken)
  const statusOf = async (accessToken: string) => {
    const response = await fetch(`${local.url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
    await response.text()
    return response.status
  }
  const socket = new WebSocket(local.wsUrl, { headers: { authorization: `Bearer ${client.accessToken}` } })
  t.teardown(() => socket.terminate())
  const closed = once(socket, 'close')
  await once(socket, 'open')

  const statuses = new Set<number>()
  let requests = 0
  const loading = new AbortController()
  const load = Promise.all(Array.from({ length: 4 }, async () => {
    while (!loading.signal.aborted) {
      client = await refreshPersistently(local.url, client)
      statuses.add(await statusOf(client.accessToken))
      requests += 2
    }
  }))

  generateKeys(local.keysDir, '--rotate')
  backdateNewestKey(local.keysDir)
  while (kidOf(client.accessToken) === first) await new Promise(resolve => setTimeout(resolve, 50))
  t.not(kidOf((await signIn(local.url)).accessToken), first, 'nothing is signed with the old key any more')
  loading.abort()
  await load
  t.ok(requests > 0)
  t.same([...statuses], [200], `${requests} requests`)
  t.equal(socket.readyState, WebSocket.OPEN, 'what the old key has signed is still good')

  generateKeys(local.keysDir, '--drop', first)
  t.equal((await closed)[0], 4419, 'the socket that was opened with the dropped key')
  t.equal(await statusOf(client.accessToken), 200)
  const publishedKids = async () => {
    const { keys } = await (await fetch(`${local.url}/.well-known/jwks.json`)).json() as { keys: Array<{ kid: string }> }
    return keys.map(({ kid }) => kid)
  }
  // The API and the socket server look at the file each in their own time.
  while ((await publishedKids()).includes(first)) await new Promise(resolve => setTimeout(resolve, 50))
  t.same(await publishedKids(), [kidOf(client.accessToken)])
})

t.test('a rotated pepper signs nobody out', async t => {
  const local = await startLocalMode(t, { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000' })
  const client = await signIn(local.url)
  const versionOf = (cookie: string) => Buffer.from(cookie.split('=')[1]!, 'base64url')[1]
  generateKeys(local.keysDir, '--rotate-pepper', 'refresh')
  generateKeys(local.keysDir, '--rotate-pepper', 'password')
  let newest = client
  while (versionOf(newest.cookie) !== 2) {
    await new Promise(resolve => setTimeout(resolve, 100))
    newest = await refreshPersistently(local.url, newest)
  }
  await signIn(local.url)
  await signIn(local.url)
  t.pass('the password is still good, under the new pepper too')
})
