import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createTestKeys } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createThreadWorkers } from '../src/auth/hash-worker.js'
import { loadApiConfig } from '../src/config.js'
import { openResources } from '../src/resources.js'
import { createKeyFiles } from './fixtures/api.js'

const SECRET = 'canary-3f9a'

t.test('before the API starts it refuses', async t => {
  const { connectionString } = await createDatabase(t)
  const good = { ...(await createKeyFiles(t)).env, DATABASE_URL: connectionString, BCRYPT_COST: '4' }
  const folder = t.testdir()
  const fileWith = async (name: string, content: string) => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  /** These settings lead to exactly these sentences, none of which shows a value. */
  const refuses = async (t: Test, env: NodeJS.ProcessEnv, sentences: RegExp[]) => {
    const err = await Promise.resolve({ ...good, ...env }).then(loadApiConfig).then(config => openResources(config, pino({ enabled: false }), async () => createThreadWorkers(1)))
      .then(resources => resources.close(), err => err)
    if (!t.ok(err instanceof StartupError, `${Object.keys(env)} ${err?.stack}`)) return
    const lines = err.message.split('\n')
    t.equal(lines.length, sentences.length, err.message)
    for (const [i, sentence] of sentences.entries()) t.match(lines[i], sentence)
    t.notMatch(err.message, SECRET)
  }

  t.test('bad settings, all at once and without their values', async t => {
    await refuses(t, {
      DATABASE_URL: SECRET, PORT: SECRET, ACCESS_TOKEN_EXPIRY: SECRET, SESSION_MAX_AGE: '900d', BCRYPT_COST: '99', PASSWORD_HASH: SECRET, SEED_DEMO_USER: SECRET, LOG_LEVEL: SECRET
    }, [
      /^LOG_LEVEL must be one of fatal, /, /^PORT must be integer/, /^DATABASE_URL must be a connection string/, /^ACCESS_TOKEN_EXPIRY must be a duration/,
      /^SESSION_MAX_AGE must be between 10s and 400d/, /^PASSWORD_HASH must be one of bcrypt, argon2id/, /^BCRYPT_COST must be <= 15/, /^SEED_DEMO_USER must be boolean/
    ])
    await refuses(t, { DATABASE_URL: '' }, [/^DATABASE_URL is not set/])
    for (const [setting, value] of [['PORT', '0'], ['PORT', '65536'], ['PORT', '3000.5'], ['ACCESS_TOKEN_EXPIRY', '2h'], ['ACCESS_TOKEN_EXPIRY', '9s'], ['REFRESH_REPLAY_WINDOW', '-1'], ['BCRYPT_COST', '3'], ['SEED_DEMO_USER', 'yes'], ['RATE_LIMIT_MULTIPLIER', '0']] as const) {
      await refuses(t, { [setting]: value }, [new RegExp(`^${setting} must be `)])
    }
    for (const proxies of ['10.0.0', 'proxy.internal', '10.0.0.0/33', ':::', '1', 'true', '10.0.0.1;10.0.0.2', '::/129', '10.0.0.0/8/8', '10.0.0.0/', '0.0.0.0/0', '::/0']) {
      await refuses(t, { TRUSTED_PROXIES: proxies }, [/^TRUSTED_PROXIES must be addresses or networks/])
    }
    for (const origins of ['null', '*', 'https://app.example.test/', 'https://app.example.test:443', 'app.example.test']) {
      await refuses(t, { ALLOWED_ORIGINS: origins }, [/^ALLOWED_ORIGINS must be origins/])
    }
  })

  t.test('in production what is for development only', async t => {
    await refuses(t, { PUBLIC_URL: 'https://app.example.test', SEED_DEMO_USER: 'true', BCRYPT_COST: '9' }, [/^SEED_DEMO_USER: .*production/, /^BCRYPT_COST must be >= 10 in production/])
    await refuses(t, { PUBLIC_URL: 'https://localhost', BCRYPT_COST: '9' }, [/^BCRYPT_COST/])
    for (const url of ['http://app.example.test', 'http://127.0.0.1.example.test', 'http://localhost.', 'http://0.0.0.0:3000', 'http://localhost@evil.test', 'ftp://localhost']) {
      await refuses(t, { PUBLIC_URL: url, BCRYPT_COST: '10' }, [/^PUBLIC_URL must be https/])
    }
  })

  t.test('signing keys that are missing, garbage, weak or not a pair', async t => {
    const other = await createTestKeys()
    const inPem = ({ publicKey, privateKey }: KeyPairKeyObjectResult) => ({
      publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
      privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    })
    const ec = inPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
    const weak = inPem(generateKeyPairSync('rsa', { modulusLength: 1024 }))
    const garbage = (label: string) => `-----BEGIN ${label}-----\n${Buffer.from(SECRET).toString('base64')}\n-----END ${label}-----\n`
    for (const setting of ['PRIVATE_KEY_PATH', 'PUBLIC_KEY_PATH']) {
      await refuses(t, { [setting]: join(folder, 'nowhere') }, [new RegExp(`^${setting}: cannot read .* \\(ENOENT\\); run ./generate-keys.sh first`)])
      await refuses(t, { [setting]: tmpdir() }, [new RegExp(`^${setting}: cannot read .* \\(EISDIR\\)`)])
    }
    for (const [setting, content, sentence] of [
      ['PRIVATE_KEY_PATH', '', 'holds no PRIVATE KEY block'], ['PRIVATE_KEY_PATH', SECRET, 'holds no PRIVATE KEY block'],
      ['PRIVATE_KEY_PATH', garbage('PRIVATE KEY'), 'is not an RSA key'], ['PRIVATE_KEY_PATH', other.publicPem, 'holds no PRIVATE KEY block'],
      ['PRIVATE_KEY_PATH', other.privatePem, 'is not in PUBLIC_KEY_PATH'], ['PRIVATE_KEY_PATH', ec.privateKey, 'is not an RSA key'],
      ['PUBLIC_KEY_PATH', '', 'no PEM block found'], ['PUBLIC_KEY_PATH', garbage('PUBLIC KEY'), ''], ['PUBLIC_KEY_PATH', other.privatePem, 'expected PUBLIC KEY blocks'],
      ['PUBLIC_KEY_PATH', weak.publicKey, '1024-bit key is too weak'], ['PUBLIC_KEY_PATH', ec.publicKey, 'only RSA keys'], ['PUBLIC_KEY_PATH', other.publicPem.repeat(2), 'appears twice']
    ] as const) await refuses(t, { [setting]: await fileWith('key.pem', content) }, [new RegExp(`^${setting}: .*${sentence}`)])
  })

  t.test('peppers that are missing or malformed, without showing them', async t => {
    const secret = Buffer.alloc(32, 7).toString('base64')
    for (const setting of ['REFRESH_TOKEN_PEPPER_PATH', 'PASSWORD_PEPPER_PATH']) {
      await refuses(t, { [setting]: join(folder, 'nowhere') }, [new RegExp(`^${setting}: cannot read .* \\(ENOENT\\)`)])
      for (const [content, sentence] of [
        ['', 'holds no pepper'], [SECRET, 'line 1 is not version:base64'], ['1:c2hvcnQ=', 'line 1'], [`0:${secret}`, 'line 1'], [`256:${secret}`, 'line 1'],
        [`1:${secret}\n1:${secret}`, 'line 2 .*greater version'], [`2:${secret}\n1:${secret}`, 'line 2 .*greater version']
      ] as const) await refuses(t, { [setting]: await fileWith('pepper', content) }, [new RegExp(`^${setting}: .*${sentence}`)])
    }
  })

  t.test('a database that is away, refuses us, or has no tables', async t => {
    const at = (changes: Partial<URL>) => Object.assign(new URL(connectionString), changes).href
    await refuses(t, { DATABASE_URL: at({ port: '1', password: SECRET }) }, [/^DATABASE_URL: cannot use PostgreSQL \(ECONNREFUSED\)/])
    await refuses(t, { DATABASE_URL: at({ password: SECRET }) }, [/^DATABASE_URL: cannot use PostgreSQL \(28P01\)/])
    await refuses(t, { DATABASE_URL: at({ pathname: '/no_such_database' }) }, [/^DATABASE_URL: cannot use PostgreSQL \(3D000\)/])
    await refuses(t, { DATABASE_URL: at({ pathname: '/postgres' }) }, [/^DATABASE_URL: the database lacks tables of this version; run npm run migrate/])
    await refuses(t, { DATABASE_LISTEN_URL: at({ port: '1' }) }, [/^DATABASE_LISTEN_URL: cannot use PostgreSQL \(ECONNREFUSED\)/])
  })
})
