import t from 'tap'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { login, refresh, startApi } from './fixtures/api.js'

t.test('requests per minute and address', async t => {
  const { app } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.1' })         // 3 sign-ins, 30 refreshes, 120 of anything
  const signIn = (remoteAddress: string, headers: Record<string, string> = {}, payload: object = DEMO_ACCOUNT) =>
    app.inject({ method: 'POST', url: '/api/login', payload, headers, remoteAddress })

  t.test('the fourth sign-in is 429, says when to come back, and is not evaluated', async t => {
    for (let i = 0; i < 3; i++) t.equal((await signIn('192.0.2.1', {}, { username: 'testuser', password: 'wrong' })).statusCode, 401)
    const limited = await signIn('192.0.2.1')
    t.match(limited.json(), { status: 429, code: 'rate_limited' })
    t.match(limited.headers, { 'retry-after': /^\d+$/, 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store' })
    t.ok(Number(limited.headers['retry-after']) > 0 && Number(limited.headers['retry-after']) <= 60)
    t.notOk('set-cookie' in limited.headers)
  })

  t.test('no header of the client opens another bucket, and no odd request is free', async t => {
    const spend = ['1.1.1.1', '2.2.2.2'].map(ip => signIn('192.0.2.2', { 'x-forwarded-for': ip, forwarded: `for=${ip}`, 'x-real-ip': ip }))
    t.ok((await Promise.all(spend)).every(({ statusCode }) => statusCode === 200))
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

  t.test('a burst cannot slip past the count', async t => {
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const statuses = await Promise.all(Array.from({ length: 50 }, async () => {
      const response = await fetch(`${address}/api/login`, { method: 'POST', body: JSON.stringify(DEMO_ACCOUNT), headers: { 'content-type': 'application/json' } })
      await response.text()
      return response.status
    }))
    t.equal(statuses.filter(status => status === 200).length, 2, 'one of three was used above')
    t.equal(statuses.filter(status => status === 429).length, 48)
  })
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
