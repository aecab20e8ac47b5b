import path from 'node:path'
import t from 'tap'
import { partEnvironments } from '../src/part-environment.js'
import { loadLocalModeSettings } from '../src/settings.js'
import { PROJECT_FOLDER } from '../src/project-folder.js'

const DATABASES = { api: 'postgres://api@db/auth', worker: 'postgres://worker@db/auth', ws: 'postgres://ws@db/auth' }
const environmentsOf = (env: NodeJS.ProcessEnv) => partEnvironments(loadLocalModeSettings(env), env, DATABASES)

t.test('each part gets its own port and its own database role', async t => {
  const { api, worker, ws } = environmentsOf({ API_PORT: '3910', WS_PORT: '3911' })
  t.match(api, { PORT: '3910', HOST: '127.0.0.1', DATABASE_URL: DATABASES.api, PUBLIC_URL: 'http://localhost:3910', WS_PUBLIC_URL: 'ws://localhost:3911/ws' })
  t.match(worker, { DATABASE_URL: DATABASES.worker })
  t.match(ws, { PORT: '3911', HOST: '127.0.0.1', DATABASE_URL: DATABASES.ws })
})

t.test('secrets reach only the part that needs them', async t => {
  const secrets = ['PRIVATE_KEY_PATH', 'REFRESH_TOKEN_PEPPER_PATH', 'PASSWORD_PEPPER_PATH']
  const given = { ...Object.fromEntries(secrets.map(name => [name, '/given'])), SMTP_URL: 'smtp://x', LOGIN_JWE_KEY_PATH: '/given' }
  for (const env of [{}, given]) {
    const { api, worker, ws } = environmentsOf(env)
    for (const name of secrets) {
      t.ok(api[name], name)
      t.notOk(name in worker, `worker: ${name}`)
      t.notOk(name in ws, `ws: ${name}`)
    }
    for (const name of ['SMTP_URL', 'LOGIN_JWE_KEY_PATH', 'DATA_DIR', 'KEYS_DIR']) t.notOk(name in ws, `ws: ${name}`)
  }
})

t.test('the demo account and the local origins exist only while PUBLIC_URL is this machine', async t => {
  const local = environmentsOf({ API_PORT: '3910' })
  t.equal(local.api['SEED_DEMO_USER'], 'true')
  for (const { ALLOWED_ORIGINS: origins } of [local.api, local.ws]) t.same(origins?.split(',').sort(), ['http://127.0.0.1:3910', 'http://[::1]:3910', 'http://localhost:3910'])
  for (const shared of [{ HOST: '0.0.0.0' }, { DATABASE_URL: 'postgres://db/auth' }]) t.equal(environmentsOf(shared).api['SEED_DEMO_USER'], 'false', 'not for a network, not in a database of one\'s own')
  const production = environmentsOf({ PUBLIC_URL: 'https://auth.example.test/' })
  t.equal(production.api['SEED_DEMO_USER'], 'false')
  t.equal(production.ws['ALLOWED_ORIGINS'], 'https://auth.example.test')
})

t.test('no proxy in front of this machine needs a notice before a stop', async t => {
  const noticesOf = (env: NodeJS.ProcessEnv) => { const { api, ws } = environmentsOf(env); return [api['DRAIN_NOTICE'], ws['WS_DRAIN_NOTICE']] }
  t.same(noticesOf({}), ['0s', '0s'])
  t.same(noticesOf({ DRAIN_NOTICE: '2s', WS_DRAIN_NOTICE: '3s' }), ['2s', '3s'])
  t.same(noticesOf({ PUBLIC_URL: 'https://auth.example.test' }), [undefined, undefined])
})

t.test('a part sees its own settings and nothing else of the shell', async t => {
  const shell = { PGPASSWORD: 'x', AWS_SECRET_ACCESS_KEY: 'x', NODE_OPTIONS: '--no-warnings', TZ: 'UTC', WS_MESSAGE_RATE: '5', WS_PROCESSES: '4', BCRYPT_COST: '4' }
  const { api, worker, ws } = environmentsOf(shell)
  for (const env of [api, worker, ws]) {
    t.match(env, { NODE_OPTIONS: '--no-warnings', TZ: 'UTC' })
    for (const name of ['PGPASSWORD', 'AWS_SECRET_ACCESS_KEY']) t.notOk(name in env, name)
  }
  t.match(ws, { WS_MESSAGE_RATE: '5', WS_PROCESSES: '4' })
  t.notOk('WS_MESSAGE_RATE' in api)
  t.equal(api['BCRYPT_COST'], '4')
  t.notOk('BCRYPT_COST' in ws)
})

t.test('what is set is passed through, what is empty counts as not set', async t => {
  const { api, worker, ws } = environmentsOf({ LOG_LEVEL: 'debug', ACCESS_TOKEN_EXPIRY: '20s', ALLOWED_ORIGINS: '', SEED_DEMO_USER: 'false' })
  for (const env of [api, worker, ws]) t.equal(env['LOG_LEVEL'], 'debug')
  t.equal(ws['ACCESS_TOKEN_MAX_AGE'], '20', 'the socket server learns how old an access token can be')
  t.ok(api['ALLOWED_ORIGINS'])
  t.equal(api['SEED_DEMO_USER'], 'false')
  t.equal(environmentsOf({ ACCESS_TOKEN_EXPIRY: 'nonsense' }).ws['ACCESS_TOKEN_MAX_AGE'], undefined)
})

t.test('an address to listen on belongs to the DATABASE_URL beside it', async t => {
  const env = { DATABASE_LISTEN_URL: 'postgres://direct@db/auth' }
  t.notOk('DATABASE_LISTEN_URL' in environmentsOf(env).ws)
  t.match(environmentsOf({ ...env, DATABASE_URL: 'postgres://pooler@db/auth' }).ws, env)
})

t.test('settings in files reach the parts that know the setting; the file of the database is read here', async t => {
  const folder = t.testdir({ url: 'postgres://owner@db/auth\n' })
  const files = { DATABASE_LISTEN_URL_FILE: '/listen', REDIS_URL_FILE: '/redis', AMQP_URL_FILE: '/amqp', SMTP_URL_FILE: '/smtp', PORT_FILE: '/port' }
  const { api, worker, ws } = environmentsOf({ ...files, DATABASE_URL_FILE: path.join(folder, 'url') })
  const given = (env: NodeJS.ProcessEnv) => Object.keys(env).filter(name => name.endsWith('_FILE')).sort()
  t.strictSame([api, worker, ws].map(given), [['DATABASE_LISTEN_URL_FILE', 'REDIS_URL_FILE'], ['AMQP_URL_FILE', 'SMTP_URL_FILE'], ['DATABASE_LISTEN_URL_FILE', 'REDIS_URL_FILE']])
  t.equal(api['SEED_DEMO_USER'], 'false', 'a database of one\'s own')
  t.strictSame(given(environmentsOf(files).api), ['REDIS_URL_FILE'])
})

t.test('metrics: three ports in a row, because the parts share a machine', async t => {
  const { api, worker, ws } = environmentsOf({ METRICS_PORT: '9300' })
  t.same([api, worker, ws].map(env => env['METRICS_PORT']), ['9300', '9301', '9302'])
  for (const env of Object.values(environmentsOf({}))) t.notOk('METRICS_PORT' in env)
  t.throws(() => loadLocalModeSettings({ METRICS_PORT: '2999' }), { name: 'StartupError', message: /METRICS_PORT/ })
  t.throws(() => loadLocalModeSettings({ METRICS_PORT: '65534' }), { name: 'StartupError', message: /METRICS_PORT/ })
})

t.test('mails belong to the worker: into files beside the database until there is a server', t => {
  const { api, worker, ws } = environmentsOf({ DATA_DIR: '/data', SMTP_URL: 'smtp://mail.example.test', MAIL_FROM: 'no-reply@example.test' })
  t.match(worker, { MAIL_DIR: '/data/mail', SMTP_URL: 'smtp://mail.example.test', MAIL_FROM: 'no-reply@example.test', PUBLIC_URL: 'http://localhost:3000' })
  for (const env of [api, ws]) for (const name of ['MAIL_DIR', 'SMTP_URL', 'MAIL_FROM']) t.notOk(name in env, name)
  t.equal(environmentsOf({ MAIL_DIR: '/mails' }).worker['MAIL_DIR'], '/mails')
  t.end()
})

t.test('the worker has no use for Redis and gets no password of it', async t => {
  const { api, worker, ws } = environmentsOf({ REDIS_URL: 'redis://:secret@db:6379' })
  for (const env of [api, ws]) t.equal(env['REDIS_URL'], 'redis://:secret@db:6379')
  t.notOk('REDIS_URL' in worker)
})

t.test('folders start at the project folder; mistakes are listed at once and never shown', async t => {
  const settings = loadLocalModeSettings({ DATA_DIR: 'some/data', KEYS_DIR: '/keys' })
  t.match(settings, { DATA_DIR: `${PROJECT_FOLDER}/some/data`, KEYS_DIR: '/keys', API_PORT: 3000, WS_PORT: 3001, HOST: '127.0.0.1' })
  t.throws(() => loadLocalModeSettings({ API_PORT: '70000', DATABASE_URL: 'secret' }), { message: /^API_PORT .*\nDATABASE_URL (?!.*secret)/ })
  t.throws(() => loadLocalModeSettings({ API_PORT: '3001' }), { name: 'StartupError', message: /WS_PORT/ })
})
