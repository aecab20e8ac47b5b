import path from 'node:path'
import t from 'tap'
import Type from 'typebox'
import { loadConfig } from '../src/config.js'
import { DurationSetting } from '../src/duration.js'
import { SharedSettings } from '../src/shared-settings.js'
import { StartupError } from '../src/startup-error.js'

const Schema = Type.Object({
  DATABASE_URL: Type.String({ format: 'url' }),
  PORT: Type.Integer({ default: 3000, minimum: 1, maximum: 65_535 }),
  RATIO: Type.Number({ default: 1, exclusiveMinimum: 0, maximum: 10 }),
  SEED: Type.Boolean({ default: false }),
  MODE: Type.Enum(['one', 'two'], { default: 'one' }),
  NAME: Type.String({ default: 'name', minLength: 2, maxLength: 8, pattern: '^[a-z]+$' }),
  EXPIRY: DurationSetting({ default: '15m', minimum: '10s', maximum: '1h', description: 'a lifetime' }),
  OPTIONAL: Type.Optional(Type.String({ format: 'url' }))
})
const DATABASE_URL = 'postgres://api:secret@localhost/auth'

function mistakesOf (env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(Schema, env)
  } catch (err) {
    if (err instanceof StartupError) return err.message.split('\n')
    throw err
  }
  return []
}

t.test('defaults, and what is optional stays away', t => {
  t.strictSame(loadConfig(Schema, { DATABASE_URL }), {
    DATABASE_URL, PORT: 3000, RATIO: 1, SEED: false, MODE: 'one', NAME: 'name', EXPIRY: { seconds: 900, milliseconds: 900_000 }
  })
  t.end()
})

t.test('texts become what the schema says', t => {
  t.strictSame(loadConfig(Schema, {
    DATABASE_URL, PORT: '8080', RATIO: '0.5', SEED: 'true', MODE: 'two', NAME: 'other', EXPIRY: '20s', OPTIONAL: 'http://localhost'
  }), {
    DATABASE_URL, PORT: 8080, RATIO: 0.5, SEED: true, MODE: 'two', NAME: 'other', EXPIRY: { seconds: 20, milliseconds: 20_000 }, OPTIONAL: 'http://localhost'
  })
  t.equal(loadConfig(Schema, { DATABASE_URL, SEED: 'false' }).SEED, false)
  t.end()
})

t.test('an empty variable is one that is not set', t => {
  t.match(loadConfig(Schema, { DATABASE_URL, PORT: '', SEED: '', EXPIRY: '', OPTIONAL: '', NAME: '' }), { PORT: 3000, SEED: false, EXPIRY: { seconds: 900 }, NAME: 'name' })
  t.notOk('OPTIONAL' in loadConfig(Schema, { DATABASE_URL, OPTIONAL: '' }))
  t.strictSame(mistakesOf({ DATABASE_URL: '' }), ['DATABASE_URL is not set'])
  t.strictSame(mistakesOf({}), ['DATABASE_URL is not set'])
  t.end()
})

t.test('settings of others are ignored and not handed on', t => {
  const loaded = loadConfig(Schema, { DATABASE_URL, HOME: '/root', port: '1', AWS_SECRET_ACCESS_KEY: 'x', __proto__: 'x', constructor: 'x' } as NodeJS.ProcessEnv)
  t.strictSame(Object.keys(loaded).sort(), ['DATABASE_URL', 'EXPIRY', 'MODE', 'NAME', 'PORT', 'RATIO', 'SEED'])
  t.end()
})

t.test('all mistakes at once, each by name', t => {
  const mistakes = mistakesOf({ PORT: '0', RATIO: '11', SEED: 'maybe', MODE: 'three', NAME: 'A', EXPIRY: '2h', OPTIONAL: 'nowhere' })
  t.strictSame([...new Set(mistakes.map(line => line.split(' ')[0]))].sort(), ['DATABASE_URL', 'EXPIRY', 'MODE', 'NAME', 'OPTIONAL', 'PORT', 'RATIO', 'SEED'])
  for (const sentence of ['DATABASE_URL is not set', 'PORT must be >= 1', 'RATIO must be <= 10', 'SEED must be boolean', 'MODE must be one of one, two',
    'EXPIRY must be between 10s and 1h', 'OPTIONAL must be a URL']) t.ok(mistakes.includes(sentence), sentence)
  t.end()
})

t.test('no form that only looks like a number or a truth value', t => {
  for (const PORT of ['abc', '3000x', '80.5', '-1', '65536', 'Infinity', '1e999', 'NaN', 'true', 'null', '[80]', '8 0', '٣']) {
    t.match(mistakesOf({ DATABASE_URL, PORT }), [/^PORT must be /], PORT)
  }
  for (const RATIO of ['0', '-0', '-1', 'Infinity', '1e999', 'NaN', '1,5']) t.match(mistakesOf({ DATABASE_URL, RATIO }), [/^RATIO must be /], RATIO)
  for (const SEED of ['1', '0', 'yes', 'no', 'on', 'TRUE', 'True', 'null', ' true']) t.match(mistakesOf({ DATABASE_URL, SEED }), [/^SEED must be boolean/], SEED)
  for (const MODE of ['One', 'one ', 'one,two', 'constructor']) t.match(mistakesOf({ DATABASE_URL, MODE }), [/^MODE must be one of one, two/], MODE)
  t.end()
})

t.test('a value is never in the message: it may be a secret in the wrong place', t => {
  const secret = 'hunter2-SECRET'
  const env = Object.fromEntries(Object.keys(Schema.properties).map(name => [name, secret]))
  const mistakes = mistakesOf(env)
  t.strictSame([...new Set(mistakes.map(line => line.split(' ')[0]))].sort(), Object.keys(Schema.properties).sort())
  t.notMatch(mistakes.join('\n'), /hunter2/)
  t.end()
})

t.test('loading changes neither the schema nor the environment, and works again', t => {
  const before = JSON.stringify(Schema)
  const env = { DATABASE_URL, PORT: '', EXPIRY: '20s' }
  t.strictSame(loadConfig(Schema, env), loadConfig(Schema, env))
  t.strictSame(env, { DATABASE_URL, PORT: '', EXPIRY: '20s' })
  t.equal(JSON.stringify(Schema), before)
  t.end()
})

t.test('the address of Redis is one, and is never in the message', t => {
  const Redis = Type.Object({ REDIS_URL: SharedSettings.REDIS_URL, METRICS_PORT: SharedSettings.METRICS_PORT })
  for (const REDIS_URL of ['redis://localhost', 'redis://user:password@redis:6379/0', 'rediss://[::1]:6380', undefined]) {
    t.equal(loadConfig(Redis, { REDIS_URL }).REDIS_URL, REDIS_URL)
  }
  for (const REDIS_URL of ['localhost:6379', 'http://redis', 'hunter2', '/tmp/redis.sock', 'redis//x']) {
    t.throws(() => loadConfig(Redis, { REDIS_URL }), { name: 'StartupError', message: /^REDIS_URL must be a URL such as redis:(?!.*hunter2)/ }, REDIS_URL)
  }
  t.end()
})

t.test('what can hold a password may come as a file', t => {
  const Files = Type.Object({ DATABASE_URL: Type.String({ format: 'postgres-url' }), REDIS_URL: SharedSettings.REDIS_URL, NAME: Type.Optional(Type.String()) })
  const folder = t.testdir({ url: `${DATABASE_URL}\n`, two: `${DATABASE_URL}\r\n`, bare: DATABASE_URL, empty: '\n', wrong: 'http://hunter2/\n' })
  const file = (name: string) => path.join(folder, name)
  for (const name of ['url', 'two', 'bare']) t.strictSame(loadConfig(Files, { DATABASE_URL_FILE: file(name) }), { DATABASE_URL }, name)
  t.strictSame(loadConfig(Files, { DATABASE_URL, DATABASE_URL_FILE: '', NAME_FILE: file('url') }), { DATABASE_URL }, 'an empty path is none, other settings know no files')

  const refuses = (env: NodeJS.ProcessEnv, message: string) => t.throws(() => loadConfig(Files, env), { name: 'StartupError', message }, message)
  refuses({ DATABASE_URL, DATABASE_URL_FILE: file('url') }, 'DATABASE_URL and DATABASE_URL_FILE are both set')
  refuses({ DATABASE_URL_FILE: file('empty') }, 'DATABASE_URL_FILE is an empty file')
  refuses({ DATABASE_URL_FILE: file('hunter2') }, 'DATABASE_URL_FILE cannot be read (ENOENT)')
  refuses({ DATABASE_URL_FILE: folder }, 'DATABASE_URL_FILE cannot be read (EISDIR)')
  refuses({ DATABASE_URL, REDIS_URL_FILE: file('hunter2') }, 'REDIS_URL_FILE cannot be read (ENOENT)')
  refuses({ DATABASE_URL_FILE: file('hunter2'), REDIS_URL_FILE: file('wrong') }, 'DATABASE_URL_FILE cannot be read (ENOENT)\nREDIS_URL must be a URL such as redis://user:password@host:6379 or rediss://host:6379')
  t.end()
})

t.test('the settings every process shares have defaults that fit a laptop', t => {
  t.strictSame(loadConfig(Type.Object({ ...SharedSettings }), {}), {
    HOST: '127.0.0.1',
    PUBLIC_KEY_PATH: 'keys/public.pem',
    JWT_ISSUER: 'fastify-uws-auth',
    JWT_AUDIENCE: 'fastify-uws-auth',
    REVOCATION_MAX_STALENESS: { seconds: 30, milliseconds: 30_000 },
    RATE_LIMIT_MULTIPLIER: 1,
    LOG_LEVEL: 'info'
  })
  t.end()
})
