// Makes what docker-compose.yml mounts as secrets, as far as it is missing, in SECRETS_DIR ("secrets"); docs/containers.md
// lists the files. Run by root, what the services read belongs to RUN_AS ("65532:65532").
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { KeyFileError, replaceFile } from './key-files.mjs'
import { createAll, publishKeys } from './key-folder.mjs'
import { postgresPasswords, rabbitmqDefinitions, redisUsers } from './store-credentials.mjs'

const KEY_BITS = 4096
// The stores run as users of their own, so what they read is open to every user, in a folder that only ours can enter.
const FOR_STORES = 0o444
const FOR_SERVICES = 0o400

const folder = path.resolve(fileURLToPath(new URL('..', import.meta.url)), process.env.SECRETS_DIR || 'secrets')
const [owner, group] = (process.env.RUN_AS || '65532:65532').split(':').map(Number)

function main () {
  makeFolder('', 0o700)
  makeFolder('tls', 0o755)
  makeKeys()
  const postgres = role => urlPassword(`database-url-${role}`, password => `postgres://${role}:${password}@postgres:5432/auth`)
  const redis = user => urlPassword(`redis-url-${user}`, password => `redis://${user}:${password}@redis:6379`)
  write('postgres-passwords.sql', postgresPasswords({ auth_owner: postgres('auth_owner'), api: postgres('api'), worker: postgres('worker'), ws: postgres('ws') }), FOR_STORES)
  write('redis-users.acl', redisUsers({ api: redis('api'), ws: redis('ws') }), FOR_STORES)
  write('rabbitmq-definitions.json', rabbitmqDefinitions({ worker: urlPassword('amqp-url', password => `amqp://auth-worker:${password}@rabbitmq:5672`) }), FOR_STORES)
  // PostgreSQL does not begin without one, and loses it a moment later.
  if (!exists('postgres-first-password')) write('postgres-first-password', `${newPassword()}\n`, FOR_STORES)
  // For an operator to fill; nothing reads it until SMTP_URL_FILE says so.
  if (!exists('smtp-url')) write('smtp-url', '', FOR_SERVICES)
}

function makeKeys () {
  makeFolder('keys', 0o700)
  if (!exists('keys/private.pem')) createAll(path.join(folder, 'keys'), KEY_BITS)
  publishKeys(path.join(folder, 'keys'), path.join(folder, 'public-keys'))
  for (const name of ['private.pem', 'public.pem', 'refresh-token.pepper', 'password.pepper']) own(`keys/${name}`)
}

/** The password in a connection string, which is made when there is none yet. */
function urlPassword (name, url) {
  if (!exists(name)) write(name, `${url(newPassword())}\n`, FOR_SERVICES)
  return decodeURIComponent(new URL(readFileSync(path.join(folder, name), 'utf8')).password)
}

function newPassword () {
  return randomBytes(24).toString('base64url')
}

function exists (name) {
  return existsSync(path.join(folder, name))
}

function makeFolder (name, mode) {
  mkdirSync(path.join(folder, name), { recursive: true })
  chmodSync(path.join(folder, name), mode)
  if (name !== '') own(name)
}

function write (name, text, mode) {
  replaceFile(path.join(folder, name), text, mode)
  if (mode === FOR_SERVICES) own(name)
}

function own (name) {
  if (process.getuid() === 0) chownSync(path.join(folder, name), owner, group)
}

try {
  main()
} catch (err) {
  process.stderr.write(`container-secrets: ${err instanceof KeyFileError ? err.message : err.path ? `cannot write ${err.path} (${err.code})` : err.stack}\n`)
  process.exitCode = 1
}
