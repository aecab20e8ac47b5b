import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { refresh, refreshPersistently, signIn, type HttpClient } from './fixtures/http-client.js'
import { startLocalMode, type LocalMode } from './fixtures/local-mode.js'

const CLIENTS = 200

t.test('kill -9 of the API during 200 refreshes: every client goes on with the cookie it holds', async t => {
  const local = await startLocalMode(t, { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000' })
  // An account has at most 100 sessions.
  const accounts = ['ada', 'grace', 'hedy', 'radia'].map(username => ({ username, password: 'correct horse battery' }))
  for (const account of accounts) createAccount(local, account)
  const clients: HttpClient[] = []
  for (let group = 0; group < CLIENTS / 20; group++) {
    clients.push(...await Promise.all(Array.from({ length: 20 }, (_, index) => signIn(local.url, accounts[index % accounts.length]))))
  }

  // The first answer is the sign that the others are under way.
  const api = local.partPid('api')!
  let killed = false
  const first = await Promise.all(clients.map(async client => {
    const outcome = await refresh(local.url, client).catch(() => undefined)
    if (!killed) {
      killed = true
      process.kill(api, 'SIGKILL')
    }
    return outcome?.client
  }))
  const answered = first.filter(client => client !== undefined).length
  t.ok(answered < CLIENTS, `${answered} of ${CLIENTS} refreshes were answered before the end`)

  const after = await Promise.all(clients.map((client, index) => refreshPersistently(local.url, first[index] ?? client)))
  const again = await Promise.all(after.map(client => refreshPersistently(local.url, client)))
  t.equal(again.length, CLIENTS, 'every client refreshed, and once more')
  const statuses = await Promise.all(again.map(async ({ accessToken }) => {
    const response = await fetch(`${local.url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
    await response.text()
    return response.status
  }))
  t.same(new Set(statuses), new Set([200]))
  t.not(local.partPid('api'), api, 'another process answers')
  t.notMatch(local.output(), /session\.theft|"outcome":"theft"/)
})

function createAccount ({ dataDir, keysDir }: LocalMode, { username, password }: { username: string, password: string }): void {
  const admin = fileURLToPath(new URL('../packages/local-mode/dist/admin.js', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [admin, 'user', 'create', username], {
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, KEYS_DIR: keysDir, BCRYPT_COST: '4' }, input: `${password}\n`, encoding: 'utf8'
  })
  if (status !== 0) throw new Error(stderr)
}
