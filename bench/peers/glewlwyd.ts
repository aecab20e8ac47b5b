import { spawn, spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import type { Teardown } from '../harness/teardown.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import type { Peer, PeerOptions } from './peer.js'

const PROGRAM = '/usr/bin/glewlwyd'
/** The tables, and the default administrator with what that account needs. */
const SCHEMA = ['pgsql', 'postgre.default.sql'].map(file => `/usr/share/dbconfig-common/data/glewlwyd/install/${file}`)
const CLIENT = { client_id: 'bench', client_secret: 'of a bench' }
const SCOPE = 'api'
const ADMIN = { username: 'admin', password: 'password' }     // as its documentation names it, in a database of the bench
const READY_WITHIN_MS = 10_000

/** Why glewlwyd cannot be compared with here, if it cannot. */
export const GLEWLWYD_MISSING = existsSync(PROGRAM) ? undefined : 'apt-get install --no-install-recommends glewlwyd'

/** As Debian counts it. */
export function glewlwydVersion (): string {
  return spawnSync('dpkg-query', ['--show', 'glewlwyd'], { encoding: 'utf8' }).stdout.trim().split('\t')[1] ?? 'of unknown version'
}

/**
 * Debian's glewlwyd, configured by its own HTTP API: OpenID Connect plugin, RS256 with the given key, each refresh token
 * for one use, its state in PostgreSQL. Users sign in by password; PostgreSQL itself computes the hash (pgcrypto).
 */
export async function startGlewlwyd (t: Teardown, { database, keysDir, users, password, bcryptCost, tokens }: PeerOptions): Promise<Peer> {
  await database.pool.query(['create extension pgcrypto', ...SCHEMA.map(file => readFileSync(file, 'utf8'))].join(';\n'))
  // Without the comments that our files begin with.
  const key = createPrivateKey(readFileSync(path.join(keysDir, 'private.pem'), 'utf8'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const pid = await startProgram(t, url, port, database.url)
  const call = await signInAsAdmin(url)

  await call('/api/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    parameters: {
      iss: url,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: key.export({ type: 'pkcs8', format: 'pem' }),
      cert: createPublicKey(key).export({ type: 'spki', format: 'pem' }),
      'access-token-duration': 900,
      'refresh-token-duration': 1_209_600,
      'code-duration': 600,
      'refresh-token-rolling': true,
      'refresh-token-one-use': 'always',
      'allow-non-oidc': true,
      'auth-type-client-enabled': false,
      'auth-type-code-enabled': true,
      'auth-type-token-enabled': false,
      'auth-type-implicit-enabled': false,
      'auth-type-password-enabled': true,
      'auth-type-refresh-enabled': true,
      'auth-type-device-enabled': false
    }
  })
  await call('/api/scope/', { name: SCOPE, display_name: SCOPE, password_required: true, scheme: {} })
  await call('/api/client/', { ...CLIENT, name: 'bench', confidential: true, token_endpoint_auth_method: ['client_secret_post'], enabled: true, authorization_type: ['password', 'refresh_token'], scope: [SCOPE] })
  for (let n = 0; n < users; n++) await call('/api/user/', { username: `user${n}`, password, scope: [SCOPE], enabled: true })
  // Its own cost is 6.
  await database.pool.query(
    "update g_user_password set guw_password = crypt($1, gen_salt('bf', $2)) where gu_id in (select gu_id from g_user where gu_username <> $3)",
    [password, bcryptCost, ADMIN.username])

  const token = `${url}/api/oidc/token`
  const issued: string[] = []
  while (issued.length < tokens) {
    const form = new URLSearchParams({ grant_type: 'password', ...CLIENT, scope: SCOPE, username: `user${issued.length}`, password })
    issued.push((await (await fetch(token, { method: 'POST', body: form })).json() as { refresh_token: string }).refresh_token)
  }
  return {
    pid,
    refresh: { url: token, form: { grant_type: 'refresh_token', ...CLIENT }, tokens: issued },
    signIn: { url: `${url}/api/auth/`, bodies: Array.from({ length: users }, (_, n) => ({ username: `user${n}`, password })) }
  }
}

async function startProgram (t: Teardown, url: string, port: number, databaseUrl: string): Promise<number> {
  const configuration = path.join(temporaryFolder(t), 'glewlwyd.conf')
  writeFileSync(configuration, `
port=${port}
bind_address="127.0.0.1"
external_url="${url}"
login_url="login.html"
log_mode="console"
log_level="ERROR"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = { type = "postgre" conninfo = "${databaseUrl}" }
`, { mode: 0o600 })
  const child = spawn(PROGRAM, ['-c', configuration], { stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const giveUp = performance.now() + READY_WITHIN_MS
  while (!await fetch(`${url}/api/`).then(() => true, () => false)) {
    if (child.exitCode !== null || performance.now() > giveUp) throw new Error('glewlwyd did not start')
    await sleep(50)
  }
  return child.pid!
}

async function signInAsAdmin (url: string): Promise<(path: string, body: unknown) => Promise<void>> {
  const post = (path: string, body: unknown, cookie = '') =>
    fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) })
  const cookie = (await post('/api/auth/', ADMIN)).headers.get('set-cookie')!.split(';')[0]
  return async (path, body) => {
    const response = await post(path, body, cookie)
    if (!response.ok) throw new Error(`glewlwyd: ${path} answered ${response.status}: ${await response.text()}`)
  }
}
