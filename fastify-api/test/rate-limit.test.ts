import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { REDIS_MISSING, createRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { createKeyFiles, login, refresh, startApi } from './fixtures/api.js'

t.test('requests per minute and address', async t => {
  const { app, logged } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.1' })         // 3 sign-ins, 30 refreshes, 120 of anything
  const signIn = (remoteAddress: string, headers: Record<string, string> = {}, payload: object = DEMO_ACCOUNT) =>
    app.inject({ method: 'POST', url: '/api/login', payload, headers, remoteAddress })

  t.test('the fourth sign-in is 429, says when to come back, and is not evaluated', async t => {
    for (let i = 0; i < 3; i++) t.equal((await signIn('192.0.2.1', {}, { username: `nobody-${i}`, password: 'wrong' })).statusCode, 401)
    const limited = await signIn('192.0.2.1')
    t.match(limited.json(), { status: 429, code: 'rate_limited', retryAfter: Number(limited.headers['retry-after']) })
    t.match(JSON.parse(logged.find(line => line.includes('request.limited'))!), { limit: 'login', ip: '192.0.2.1' })
    t.match(limited.headers, { 'retry-after': /^\d+$/, 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store' })
    t.ok(Number(limited.headers['retry-after']) > 0 && Number(limited.headers['retry-after']) <= 60)
    t.notOk('set-cookie' in limited.headers)
  })

  t.test('no header of the client opens another bucket, and no odd request is free', async t => {
    for (const ip of ['1.1.1.1', '2.2.2.2']) {
      t.equal((await signIn('192.0.2.2', { 'x-forwarded-for': ip, forwarded: `for=${ip}`, 'x-real-ip': ip })).statusCode, 200)
    }
    t.equal((await signIn('192.0.2.2', {}, { nonsense: true })).statusCode, 400)
    t.equal((await signIn('192.0.2.2', { 'x-forwarded-for': '3.3.3.3' })).statusCode, 429)
    t.equal((await app.inject({ method: 'POST', url: '/api/login?x=1', payload: DEMO_ACCOUNT, remoteAddress: '192.0.2.2' })).statusCode, 429)
    t.equal((await signIn('192.0.2.3')).statusCode, 200, 'another address has its own')
  })

  t.test('an IPv6 network of 64 bits is one client, and an IPv4 address is itself in any spelling', async t => {
    for (const address of ['2001:db8::1', '2001:db8::2', '2001:0DB8:0:0:ffff::3']) t.equal((await signIn(address)).statusCode, 200)
    t.equal((await signIn('2001:db8:0:0:abcd::4')).statusCode, 429)
    t.equal((await signIn('2001:db8:0:1::1')).statusCode, 200)
    for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '::ffff:c000:209']) t.equal((await signIn(address)).statusCode, 200)
    t.equal((await signIn('::FFFF:192.0.2.9')).statusCode, 429)
  })

  t.test('refresh has its own, larger budget; a limited refresh works later with the same cookie', async t => {
    const { refreshToken } = await login(app)
    for (let i = 0; i < 30; i++) await refresh(app, refreshToken, { remoteAddress: '192.0.2.5' })
    t.match((await refresh(app, refreshToken, { remoteAddress: '192.0.2.5' })).json(), { code: 'rate_limited' })
    t.equal((await refresh(app, refreshToken, { remoteAddress: '192.0.2.6' })).statusCode, 200)
  })

  t.test('probing for paths is limited, health is not', async t => {
    const statuses = new Set<number>()
    for (let i = 0; i < 121; i++) statuses.add((await app.inject({ url: `/probe/${i}`, remoteAddress: '192.0.2.7' })).statusCode)
    t.same(statuses, new Set([404, 429]))
    for (let i = 0; i < 200; i++) statuses.add((await app.inject({ url: '/api/health', remoteAddress: '192.0.2.7' })).statusCode)
    t.same(statuses, new Set([404, 429, 200]))
    t.equal((await app.inject({ url: '/api/ready', remoteAddress: '192.0.2.7' })).statusCode, 200)
  })
})

t.test('a proxy may forward the port of a client, or something that is no address', async t => {
  const { app } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.1', TRUSTED_PROXIES: '10.0.0.0/8' })
  const signIn = async (forwarded: string) =>
    (await app.inject({ method: 'POST', url: '/api/login', payload: DEMO_ACCOUNT, remoteAddress: '10.1.2.3', headers: { 'x-forwarded-for': forwarded } })).statusCode
  for (const port of [1, 2, 3]) t.equal(await signIn(`192.0.2.1:${port}`), 200)
  t.equal(await signIn('192.0.2.1:4'), 429)
  for (const form of ['[2001:db8::1]:5', '[2001:db8::2]', '2001:db8::3']) t.equal(await signIn(form), 200)
  t.equal(await signIn('[2001:db8::4]:6'), 429)
  for (const nonsense of ['unknown', '_hidden', '300.1.1.1']) t.equal(await signIn(nonsense), 200)
  t.equal(await signIn('secret'), 429, 'all of them are the proxy')
})

t.test('behind a trusted proxy the client counts, and what the client claims does not', async t => {
  const { app } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.1', TRUSTED_PROXIES: '10.0.0.0/8, ::1' })
  const signIn = async (forwarded: string, remoteAddress = '10.1.2.3') =>
    (await app.inject({ method: 'POST', url: '/api/login', payload: DEMO_ACCOUNT, remoteAddress, headers: { 'x-forwarded-for': forwarded } })).statusCode
  for (const forged of ['1.1.1.1', '2.2.2.2', '10.9.9.9']) t.equal(await signIn(`${forged}, 192.0.2.1`), 200)
  t.equal(await signIn('3.3.3.3, 192.0.2.1'), 429)
  t.equal(await signIn('192.0.2.2'), 200, 'another client of the same proxy')
  for (const forged of ['4.4.4.4', '5.5.5.5', '6.6.6.6']) t.equal(await signIn(forged, '192.0.2.3'), 200)
  t.equal(await signIn('7.7.7.7', '192.0.2.3'), 429, 'somebody who is not the proxy')
})

/** Two hundred sign-ins in one tick, in turns at each of these APIs: nobody is anybody. */
async function burst (apis: Array<Awaited<ReturnType<typeof startApi>>>) {
  return await Promise.all(Array.from({ length: 200 }, (_, i) => apis[i % apis.length]!.app.inject({
    method: 'POST', url: '/api/login', payload: { username: `nobody-${i}`, password: 'wrong' }, remoteAddress: '192.0.2.1'
  })))
}

function checkBurst (t: Test, answers: Awaited<ReturnType<typeof burst>>): void {
  const passed = answers.filter(({ statusCode }) => statusCode === 401)
  t.same(passed.map(({ headers }) => headers['ratelimit-remaining']).sort(), ['0', '1', '2', '3', '4', '5'], 'exactly the limit passes')
  const refused = answers.filter(({ statusCode }) => statusCode === 429)
  t.equal(refused.length, 194)
  for (const { headers } of answers) t.match(headers, { 'ratelimit-limit': '6', 'ratelimit-reset': /^([1-9]|[1-5]\d|60)$/ })
  for (const answer of refused) {
    t.equal(answer.headers['ratelimit-remaining'], '0')
    t.equal(answer.headers['retry-after'], answer.headers['ratelimit-reset'])
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.equal(answer.json().code, 'rate_limited')
  }
}

t.test('of a burst exactly the limit passes', async t => {
  t.test('counted in memory', async t => {
    const api = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.2', METRICS_PORT: '1' })
    checkBurst(t, await burst([api]))
    t.match((await api.resources.meter.render()).text, /^rate_limited_total\{limit="route"\} 194\nrate_limited_total\{limit="account_device"\} 0$/m)
  })

  t.test('counted in Redis for two APIs, under names that say nothing', { skip: REDIS_MISSING }, async t => {
    const redis = await createRedis(t)
    const shared = { database: await createDatabase(t), files: await createKeyFiles(t) }
    const env = { RATE_LIMIT_MULTIPLIER: '0.2', REDIS_URL: redis.url, METRICS_PORT: '1' }
    const apis = [await startApi(t, env, shared), await startApi(t, { ...env, SEED_DEMO_USER: 'false' }, shared)]
    checkBurst(t, await burst(apis))
    for (const key of await redis.command('keys', '*') as string[]) {
      t.match(key, /^limits:(probe|(route|account|account_address|source):[\w-]{22})$/)
      // -2 is a key that has expired meanwhile.
      t.not(await redis.command('ttl', key), -1, 'no key is kept for ever')
    }
    t.match((await apis[0]!.resources.meter.render()).text, /^limits_in_memory 0$/m)
    await redis.signal('SIGKILL')
    checkBurst(t, await burst(apis.slice(0, 1)))
    t.match((await apis[0]!.resources.meter.render()).text, /^limits_in_memory 1$/m)
  })
})

t.test('pages of other origins can read the limits', async t => {
  const { app } = await startApi(t, { ALLOWED_ORIGINS: 'https://app.example.test' })
  const answer = await app.inject({ url: '/api/protected', headers: { origin: 'https://app.example.test' } })
  t.equal(answer.headers['access-control-expose-headers'], 'Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset')
})

t.test('no spelling of a path and no method opens another bucket', async t => {
  const { app } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.01' })         // 12 of anything
  for (const url of ['/api/protected', '/api/protected?a=1', '/api/protected?a=2', '/API/protected', '/api/protected/', '/api//protected', '/api/%70rotected', '/elsewhere', '/api/me']) {
    t.not((await app.inject({ url, remoteAddress: '192.0.2.8' })).statusCode, 429, url)
  }
  for (const method of ['HEAD', 'PUT', 'DELETE'] as const) t.not((await app.inject({ method, url: '/api/protected', remoteAddress: '192.0.2.8' })).statusCode, 429)
  for (const method of ['GET', 'HEAD'] as const) {
    for (const url of ['/api/protected', '/api/me', '/new']) t.equal((await app.inject({ method, url, remoteAddress: '192.0.2.8' })).statusCode, 429)
  }
})
