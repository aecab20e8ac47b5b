// What PostgreSQL, Redis and RabbitMQ are told of passwords: enough to check them, not the passwords themselves.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const SCRAM_ITERATIONS = 4096

/** SQL that gives each role its password, as SCRAM-SHA-256 verifiers, and takes away the superuser's. */
export function postgresPasswords (passwords) {
  const roles = Object.entries(passwords).map(([role, password]) => `alter role ${role} password '${scramVerifier(password)}';\n`)
  return `${roles.join('')}-- Nobody comes as superuser over the network: inside its container it enters by the socket, as the system's user.\nalter role postgres password null;\n`
}

/** An ACL file of Redis: the rights of SECURITY.md, and nobody without a password. */
export function redisUsers ({ api, ws }) {
  const common = 'resetchannels &revocations -@all +@connection -@dangerous +subscribe'
  const limits = '+publish ~limits:* +eval +evalsha +time +incr +pttl +pexpire +hmget +hget +hset +hincrby +del'
  return `user default reset off\nuser api on #${sha256(api).toString('hex')} ${common} ${limits}\nuser ws on #${sha256(ws).toString('hex')} ${common}\n`
}

/** Definitions of RabbitMQ: the worker with the rights of docs/events.md, and no other user. */
export function rabbitmqDefinitions ({ worker }) {
  const salt = randomBytes(4)
  const hash = Buffer.concat([salt, sha256(Buffer.concat([salt, Buffer.from(worker)]))]).toString('base64')
  return `${JSON.stringify({
    vhosts: [{ name: '/' }],
    users: [{ name: 'auth-worker', password_hash: hash, hashing_algorithm: 'rabbit_password_hashing_sha256', tags: [] }],
    permissions: [{ user: 'auth-worker', vhost: '/', configure: '^auth\\.', write: '^(auth\\.|amq\\.default$)', read: '^auth\\.' }]
  }, null, 2)}\n`
}

// RFC 5803, section 3.
function scramVerifier (password) {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, 'sha256')
  const keyFor = name => createHmac('sha256', salted).update(name).digest()
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${sha256(keyFor('Client Key')).toString('base64')}:${keyFor('Server Key').toString('base64')}`
}

function sha256 (data) {
  return createHash('sha256').update(data).digest()
}
