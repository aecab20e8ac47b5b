import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CLOSE, LOOK_EVERY_MS, PUBLICATION_MS, loadConfig, parseDuration } from '@fastify-uws-auth/auth-contract'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import { FRESH_MS, USERS_OF_A_BROWSER } from '../fastify-api/src/auth/devices.js'
import { GUESS_BUDGETS } from '../fastify-api/src/auth/guess-budgets.js'
import { COMPUTE_WITHIN_MS, GIVE_UP_AFTER_MS } from '../fastify-api/src/auth/hashing-pool.js'
import { MAXIMUM_CODE_POINTS, MINIMUM_CODE_POINTS } from '../fastify-api/src/auth/password-policy.js'
import { newFamilySecret } from '../fastify-api/src/auth/refresh-token.js'
import { MAXIMUM } from '../fastify-api/src/auth/sign-in.js'
import { POOL_SIZES } from '../fastify-api/src/db/pool.js'
import { MAXIMUM_FAILURES } from '../fastify-api/src/db/guess-ceilings.js'
import { ANSWER_WITHIN_MS as CONFIRMED_WITHIN_MS, HEARTBEAT_SECONDS } from '../fastify-api/src/events/rabbitmq-transport.js'
import { ANSWER_WITHIN_MS as COUNTED_WITHIN_MS } from '../fastify-api/src/limits/redis-counters.js'
import { SMTP_CONNECTIONS, TIMEOUTS } from '../fastify-api/src/mail/smtp-transport.js'
import { WorkerConfig } from '../fastify-api/src/worker-config.js'
import { buyTicket, createOtherUser, login, startApi } from '../fastify-api/test/fixtures/api.js'
import { ANSWER_WITHIN_MS as PUBLISHED_WITHIN_MS } from '../packages/auth-contract/src/redis-carrier.js'
import { loadCredentials } from '../packages/local-mode/src/credentials.js'
import { READ_EVERY_MS } from '../packages/auth-contract/src/revocation-reader.js'
import { SocketConfig } from '../uws-server/src/config.js'
import { POOL_LIMITS } from '../uws-server/src/resources.js'
import { IDLE_TIMEOUT_SECONDS } from '../uws-server/src/uws-adapter.js'

const run = promisify(execFile)
const PROJECT = fileURLToPath(new URL('..', import.meta.url))
/** Numbers that are names: of documents, algorithms, packages, commands, and the text of the demo account. */
const NAMES = /RFC \d+|SP\s800-63B-\d|sections? [\d.]+|ASVS \d|AAL1|SHA-\d+|RS256|argon2id|PKCS1-v1_5|HMAC-SHA-\d+|`[^`]*`/g
const WORDS: Record<number, string> = { 5: 'five', 10: 'ten', 20: 'twenty', 100: 'hundred' }

/** Made as an operator makes them: by the script, with its defaults. */
async function makeKeys (t: Test): Promise<NodeJS.ProcessEnv> {
  const folder = await mkdtemp(path.join(tmpdir(), 'keys-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await run(path.join(PROJECT, 'generate-keys.sh'), { env: { PATH: process.env['PATH'], KEYS_DIR: folder } })
  const file = (name: string) => path.join(folder, name)
  return {
    PRIVATE_KEY_PATH: file('private.pem'),
    PUBLIC_KEY_PATH: file('public.pem'),
    REFRESH_TOKEN_PEPPER_PATH: file('refresh-token.pepper'),
    PASSWORD_PEPPER_PATH: file('password.pepper')
  }
}

t.test('every figure of SECURITY.md is what a server with default settings does', async t => {
  const keys = await makeKeys(t)
  const api = await startApi(t, { ...keys, PUBLIC_URL: 'https://auth.example.test', SEED_DEMO_USER: 'false', BCRYPT_COST: undefined, RATE_LIMIT_MULTIPLIER: undefined })
  const { config, app, resources } = api
  const worker = loadConfig(WorkerConfig, { DATABASE_URL: 'postgres://worker@localhost/auth' })
  const ws = loadConfig(SocketConfig, { DATABASE_URL: 'postgres://ws@localhost/auth' })

  const { accessToken, response } = await login(app, await createOtherUser(api, 'ada'))
  const claims = decodeJwt(accessToken)
  const ticket = (await buyTicket(app, accessToken)).json()
  const [jwk] = (await app.inject('/.well-known/jwks.json')).json().keys
  const { rows: [stored] } = await resources.pool.query('select password_hash from users')
  const { rows: [limits] } = await resources.pool.query('select extract(epoch from current_setting(\'lock_timeout\')::interval)::int as lock, extract(epoch from current_setting(\'statement_timeout\')::interval)::int as statement')
  const pool = resources.pool.options

  const bits = Buffer.from(jwk.n, 'base64url').length * 8
  const secretBits = (text: string) => Buffer.from(text, 'base64url').length * 8
  const minutes = (ms: number) => ms / 60_000
  const days = (ms: number) => ms / 86_400_000
  const accessMinutes = (claims.exp! - claims.iat!) / 60
  const [device, refresh] = ['__Host-device', '__Host-refreshToken'].map(name => response.cookies.find(cookie => cookie.name === name))
  const cost = Number(/^\$2b\$(\d+)\$/.exec(stored.password_hash)![1])
  const { account_device: onDevice, account_address: fromAddress, account, source } = GUESS_BUDGETS
  t.match([device, refresh], [{ httpOnly: true, sameSite: 'Strict', path: '/', secure: true }, { httpOnly: true, sameSite: 'Strict', path: '/', secure: true }])
  t.equal(onDevice.free, fromAddress.free)
  t.equal(decodeProtectedHeader(accessToken).alg, 'RS256')
  for (const file of ['PRIVATE_KEY_PATH', 'REFRESH_TOKEN_PEPPER_PATH', 'PASSWORD_PEPPER_PATH']) t.equal((await stat(keys[file]!)).mode & 0o777, 0o400, file)
  for (const file of ['REFRESH_TOKEN_PEPPER_PATH', 'PASSWORD_PEPPER_PATH']) {
    t.equal(Buffer.from((await readFile(keys[file]!, 'utf8')).trim().split(':')[1]!, 'base64').length * 8, 256)
  }
  t.match(claims.jti, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, '122 bits of 128 are random (RFC 9562, section 5.4)')

  const { durationRange: [shortestRetention] } = WorkerConfig.properties.AUDIT_RETENTION as unknown as { durationRange: [string, string] }
  const databasePassword = loadCredentials(path.dirname(keys['PUBLIC_KEY_PATH']!), false).api

  const figures = [
    `at most ${accessMinutes} minutes`,
    `${WORDS[fromAddress.free]} tries at an account from one address, ${WORDS[account.free]} from all unknown devices, then waits up to ${minutes(fromAddress.delays.longestMs)} minutes; a ${WORDS[MAXIMUM_FAILURES]} in a row`,
    `bcrypt cost ${cost}`,
    `after ${config.REVOCATION_MAX_STALENESS.seconds} s protected routes answer 503`,
    `until its access token expires, ${accessMinutes} minutes at most`,
    `after ${WORDS[ws.WS_FAILED_AUTH_RATE]} failed authentications a minute`,
    `when the token expires (${accessMinutes} minutes)`,
    `within ${config.REFRESH_REPLAY_WINDOW.seconds} seconds, or`,
    `the ceiling of ${MAXIMUM_FAILURES} failures`,
    `let months of it go that ended ${parseDuration(shortestRetention).seconds / 86_400} days ago`,
    `keys are ${bits} bits by default`,
    `at least ${MINIMUM_CODE_POINTS} characters`,
    `at most ${MAXIMUM_CODE_POINTS}`,
    `Within ${config.REFRESH_REPLAY_WINDOW.seconds} seconds of a rotation`,
    `| access token, JWT RS256 ${bits} bits, \`typ: ${decodeProtectedHeader(accessToken).typ}\` | signed; \`jti\` 122 bits | ${accessMinutes} min |`,
    `| ticket for one socket | ${secretBits(ticket.ticket)} bits | ${ticket.expiresIn} s, one use |`,
    `| refresh token, opaque | ${newFamilySecret().length * 8}-bit secret, HMAC-SHA-256 | ${days(config.REFRESH_TOKEN_EXPIRY.milliseconds)} d idle, ${days(config.SESSION_MAX_AGE.milliseconds)} d in all |`,
    `| device cookie, opaque | ${secretBits(device!.value)} bits | ${device!.maxAge! / 86_400} d after the last sign-in`,
    `bcrypt (cost ${cost})`,
    `a ${WORDS[MAXIMUM_FAILURES]} guesses at most`,
    `the last ${WORDS[USERS_OF_A_BROWSER]} accounts of the browser`,
    `a password within the last ${minutes(FRESH_MS)} minutes`,
    `an access token lives ${accessMinutes} min`,
    `not refreshed for ${days(config.REFRESH_TOKEN_EXPIRY.milliseconds)} d ends`,
    `ends ${days(config.SESSION_MAX_AGE.milliseconds)} d after the sign-in`,
    `${MAXIMUM.sessions} sessions of a user at once`,
    `fresh for ${minutes(FRESH_MS)} min`,
    `known everywhere within ${READ_EVERY_MS / 1000} s`,
    `reads older than ${config.REVOCATION_MAX_STALENESS.seconds} s are not relied on | then protected routes answer 503`,
    `| database passwords of four roles | ${secretBits(databasePassword)} bits`,
    `**A ${WORDS[MAXIMUM_FAILURES]} consecutive wrong passwords**`,
    `after ${fromAddress.free} of an account from one device or address, ${account.free} from all unknown devices, ${source.free} of one address`,
    `| RSA, ${bits} bits | \`keys/private.pem\`, mode 0400`,
    `signs ${PUBLICATION_MS / 1000} s later`,
    '| 256 bits | `keys/refresh-token.pepper`, mode 0400',
    '| 256 bits | `keys/password.pepper`, mode 0400',
    `read again every ${LOOK_EVERY_MS / 1000} s`,
    `| ${pool.max}, and 1 that listens | ${pool.connectionTimeoutMillis! / 1000} s for a connection, ${limits.lock} s for a lock, ${limits.statement} s for a statement | 503`,
    `| worker | PostgreSQL | ${POOL_SIZES.worker} |`,
    `| ${POOL_LIMITS.max}, and 1 that listens | the same | ${CLOSE.tryAgainLater} for new sockets`,
    `| 1 | ${COUNTED_WITHIN_MS} ms | counts`,
    `| 2 and 1 | ${PUBLISHED_WITHIN_MS / 1000} s | reads PostgreSQL every ${READ_EVERY_MS / 1000} s`,
    `| 1 | ${CONFIRMED_WITHIN_MS / 1000} s, heartbeat ${HEARTBEAT_SECONDS} s |`,
    `| ${SMTP_CONNECTIONS} | ${TIMEOUTS.connectMs / 1000} s to connect, ${TIMEOUTS.silenceMs / 1000} s of silence |`,
    `${app.server.requestTimeout / 1000} s for a request, ${(GIVE_UP_AFTER_MS + COMPUTE_WITHIN_MS) / 1000} s for a password's hash, ${app.server.timeout / 1000} s in which nothing moves, ${app.initialConfig.bodyLimit} bytes of body | 408, 503, cut, 413 |`,
    `${ws.WS_MAX_SOCKETS}, ${ws.WS_MAX_SOCKETS_PER_ADDRESS} of an address, ${ws.WS_MAX_SOCKETS_PER_USER} of a user | ${ws.WS_AUTH_TIMEOUT.seconds} s without a credential, ${IDLE_TIMEOUT_SECONDS} s of silence`,
    `keeps these events ${days(worker.AUDIT_RETENTION.milliseconds)} d`
  ]

  const page = await readFile(path.join(PROJECT, 'SECURITY.md'), 'utf8')
  for (const figure of figures) t.ok(page.includes(figure), figure)
  // The longest first: some are part of others.
  const rest = figures.sort((a, b) => b.length - a.length).reduce((text, figure) => text.replaceAll(figure, ''), page)
  const unchecked = rest.replaceAll(NAMES, '').split('\n').filter(line => /\d/.test(line))
  t.same(unchecked, [], 'no figure is left that nobody compares')
})
