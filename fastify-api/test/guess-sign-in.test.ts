import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { REDIS_MISSING, createRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { changePassword, DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { unlockAccount } from '../src/auth/guess-ceiling.js'
import { createKeyFiles, deviceCookieOf, login, startApi, type TestApi } from './fixtures/api.js'
import { runServer } from './fixtures/programs.js'

/** Limits as they are in production. */
async function start (t: Test, env: NodeJS.ProcessEnv = {}) {
  const api = await startApi(t, { RATE_LIMIT_MULTIPLIER: '1', METRICS_PORT: '1', TRUSTED_PROXIES: '127.0.0.1', ...env })
  const counted = async (metric: string) => Number(new RegExp(`^${metric.replace(/[{}]/g, '\\$&')} (\\d+)$`, 'm').exec((await api.resources.meter.render()).text)?.[1])
  return { api, counted }
}

interface Guess { username?: string, password?: string, from?: number, device?: string | undefined }

async function guess ({ app }: TestApi, { username = DEMO_ACCOUNT.username, password = 'wrong', from = 1, device }: Guess) {
  return await app.inject({
    method: 'POST', url: '/api/login', payload: { username, password }, remoteAddress: `10.1.${from >> 8}.${from & 255}`, headers: device === undefined ? {} : { cookie: `device=${device}` }
  })
}

/** All others are 429, or 503 where a slow machine has too many at once. */
function evaluated (t: Test, answers: Array<{ statusCode: number }>): number {
  t.ok(answers.every(({ statusCode }) => [401, 429, 503].includes(statusCode)))
  return answers.filter(({ statusCode }) => statusCode === 401).length
}

/** The waits are over after 1, 3, 7, 15 and 31 s, each for one more guess, however slow the machine is. */
function checkEvaluated (t: Test, count: number, free: number): void {
  t.ok(count >= free && count <= free * 1.25, `${count} of ${free}`)
}

const many = <Result>(count: number, make: (i: number) => Promise<Result>) => Promise.all(Array.from({ length: count }, (_, i) => make(i)))

t.test('of a burst of guesses no more are evaluated than are free', async t => {
  t.test('from one address ten, of a known and of an unknown user alike', async t => {
    const { api, counted } = await start(t)
    for (const [username, from, result] of [['testuser', 1, 'wrong_password'], ['nobody-here', 2, 'unknown_user']] as const) {
      const answers = await many(30, () => guess(api, { username, from }))
      const count = evaluated(t, answers)
      checkEvaluated(t, count, 10)
      t.equal(await counted(`login_total{result="${result}"}`), count)
      for (const refused of answers.filter(({ statusCode }) => statusCode === 429)) {
        t.match(refused.headers['retry-after'], /^[1-4]$/)
        t.match(refused.json(), { code: 'rate_limited', detail: 'Too many wrong passwords; wait before the next try.', retryAfter: Number(refused.headers['retry-after']) })
      }
    }
    t.ok(await counted('rate_limited_total{limit="account_address"}') > 30)
    const { userId, ...line } = api.logged.map(line => JSON.parse(line)).find(({ event }) => event === 'login.limited')
    t.match(line, { limit: 'account_address', ip: '10.1.0.1', requestId: String })
    t.equal(userId, (await api.database.pool.query('select id from users')).rows[0].id)
    t.notMatch(api.logged.join(''), 'nobody-here')
    const { rows } = await api.database.pool.query('select failures from guess_ceilings')
    t.same(rows, [{ failures: await counted('login_total{result="wrong_password"}') }], 'what was refused does not count towards the ceiling')
  })

  t.test('from two hundred addresses twenty', async t => {
    const { api } = await start(t)
    checkEvaluated(t, evaluated(t, await many(200, i => guess(api, { from: i }))), 20)
    checkEvaluated(t, evaluated(t, await many(200, i => guess(api, { username: 'nobody-here', from: i }))), 20)
  })

  t.test('the owner signs in from a known device meanwhile, and their success opens nothing for the others', async t => {
    const { api } = await start(t)
    const device = deviceCookieOf((await login(api.app)).response)
    const attack = evaluated(t, await many(200, i => guess(api, { from: i % 20 })))
    const answers = await many(10, () => guess(api, { password: DEMO_ACCOUNT.password, from: 1, device }))
    t.ok(answers.every(({ statusCode }) => statusCode === 200), 'ten at once')
    checkEvaluated(t, attack + evaluated(t, await many(50, i => guess(api, { from: i % 20 }))), 20)
  })

  t.test('of one password on two hundred accounts the thirty that an address may ask in a minute', async t => {
    const { api } = await start(t)
    t.equal(evaluated(t, await many(200, i => guess(api, { username: `user-${i}` }))), 30)
  })
})

t.test('an administrator unlocks, or sets the password: nobody waits any more', async t => {
  const redis = REDIS_MISSING ? undefined : await createRedis(t)
  for (const [place, env] of [['memory', {}], ['Redis', { REDIS_URL: redis?.url }]] as const) {
    t.test(`counted in ${place}`, { skip: place === 'Redis' && REDIS_MISSING }, async t => {
      const { api } = await start(t, env)
      const { id } = (await api.database.pool.query('select id from users')).rows[0]
      const { pool, passwords } = api.resources
      const right = { password: DEMO_ACCOUNT.password }
      const device = deviceCookieOf((await login(api.app)).response)
      for (const [from, open] of [[1, () => unlockAccount(pool, id)], [2, () => changePassword(pool, passwords, id, right.password)]] as const) {
        for (let i = 0; i < 12; i++) for (const known of [device, undefined]) await guess(api, { from, device: known })
        t.equal((await guess(api, { ...right, from })).statusCode, 429)
        await open()
        t.equal((await guess(api, { ...right, from: from + 10, device })).statusCode, 200)
        t.equal((await guess(api, { ...right, from: from + 10 })).statusCode, 200)
      }
    })
  }
})

t.test('two processes with one Redis', { skip: REDIS_MISSING }, async t => {
  const redis = await createRedis(t)
  const { env: files } = await createKeyFiles(t)
  const env = { DATABASE_URL: (await createDatabase(t)).connectionString, SEED_DEMO_USER: 'true', BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1', REDIS_URL: redis.url, TRUSTED_PROXIES: '127.0.0.1', ...files }
  const servers = [await runServer(t, env), await runServer(t, env)]
  const post = async (i: number, username: string, password = 'wrong') => {
    const response = await fetch(`${servers[i % 2]!.url}/api/login`, {
      method: 'POST', body: JSON.stringify({ username, password }), headers: { 'content-type': 'application/json', 'x-forwarded-for': `198.51.100.${i}` }
    })
    await response.text()
    return { statusCode: response.status }
  }
  /** Ten at a time, so that the queue for hashing refuses none. */
  const attack = async (username: string) => {
    const answers = []
    for (let i = 0; i < 200; i += 10) answers.push(...await many(10, k => post(i + k, username)))
    return evaluated(t, answers)
  }

  t.test('evaluate together what one would', async t => {
    checkEvaluated(t, await attack('testuser'), 20)
    for (const key of await redis.command('keys', '*') as string[]) t.ok(Number(await redis.command('ttl', key)) >= 0, key)
  })

  t.test('without it each evaluates that, and a right password signs in', async t => {
    await redis.signal('SIGSTOP')
    checkEvaluated(t, await attack('nobody-here'), 40)
    t.equal((await post(1, 'testuser', DEMO_ACCOUNT.password)).statusCode, 200)
    await redis.signal('SIGCONT')
  })
})
