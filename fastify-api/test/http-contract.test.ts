import t from 'tap'
import { mintAccessToken } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { get, login, startApi } from './fixtures/api.js'
import { notARefusal } from './fixtures/problems.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

t.test('answers of every kind', async t => {
  const api = await startApi(t)
  const { app, config } = api
  const signIn = (headers: Record<string, string> = {}, payload: object = DEMO_ACCOUNT) => app.inject({ method: 'POST', url: '/api/login', payload, headers })

  t.test('a refusal is problem details, has its headers and is never cached', async t => {
    for (const [response, status, code] of [
      [await signIn({}, {}), 400, 'invalid_request'],
      [await signIn({}, { username: 'testuser', password: 'wrong' }), 401, 'invalid_credentials'],
      [await app.inject('/api/me'), 401, 'invalid_token'],
      [await app.inject({ method: 'POST', url: '/api/refresh' }), 401, 'invalid_grant'],
      [await signIn({ origin: 'https://evil.test' }), 403, 'origin_not_allowed'],
      [await app.inject('/api/nothing'), 404, 'not_found'],
      [await app.inject('/'.repeat(200)), 404, 'not_found'],
      [await app.inject({ method: 'DELETE', url: '/api/login' }), 405, 'method_not_allowed'],
      [await signIn({}, { username: 'x'.repeat(20_000) }), 413, 'payload_too_large'],
      [await app.inject({ method: 'POST', url: '/api/login', payload: 'x', headers: { 'content-type': 'text/plain' } }), 415, 'unsupported_media_type']
    ] as const) {
      t.equal(notARefusal(response), undefined)
      const problem = response.json()
      t.match(problem, { type: `urn:fastify-uws-auth:error:${code}`, status, code, requestId: UUID })
      t.strictSame(Object.keys(problem).filter(key => !['type', 'title', 'status', 'detail', 'code', 'requestId', 'errors'].includes(key)), [])
      t.equal(response.headers['x-request-id'], problem.requestId)
      t.equal(response.headers['cache-control'], 'no-store')
      t.equal(response.headers['set-cookie'], undefined)
      t.equal(response.headers['www-authenticate'], code === 'invalid_token' ? 'Bearer error="invalid_token"' : undefined)
    }
  })

  t.test('the security headers are on every answer', async t => {
    for (const [response, status] of [
      [await signIn(), 200], [await app.inject('/api/health'), 200], [await app.inject('/api/me'), 401], [await app.inject('/nothing'), 404],
      [await app.inject({ method: 'PUT', url: '/api/me' }), 405], [await app.inject({ method: 'POST', url: '/api/logout' }), 204], [await app.inject('/'), 200]
    ] as const) {
      t.equal(response.statusCode, status)
      t.match(response.headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY', 'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/ })
      t.notOk('x-powered-by' in response.headers || 'server' in response.headers)
      t.notOk('strict-transport-security' in response.headers, 'plain http says nothing about https')
    }
  })

  t.test('a request id is ours, whatever the client sends', async t => {
    const [one, two] = await Promise.all([1, 2].map(() => app.inject({ url: '/api/me', headers: { 'x-request-id': 'mine', 'request-id': 'mine' } })))
    t.match(one!.json().requestId, UUID)
    t.not(one!.json().requestId, two!.json().requestId)
  })

  t.test('every reason to refuse an access token gets one answer', async t => {
    const { accessToken } = await login(app)
    const now = Math.floor(Date.now() / 1000)
    const authorizations = [
      undefined, '', 'Bearer', 'Bearer ', 'Basic dXNlcjpwYXNz', accessToken, `Bearer ${accessToken}x`, `Bearer ${accessToken} x`, `Token ${accessToken}`, `Bearer  ${accessToken.slice(0, 40)}`,
      `Bearer ${await mintAccessToken(api.keys, { exp: now - 1, iat: now - 900 })}`, `Bearer ${await mintAccessToken(api.keys, { aud: 'other' })}`,
      `Bearer ${await mintAccessToken(api.keys, {}, { typ: 'JWT' })}`, `Bearer ${await mintAccessToken(api.keys, {}, { kid: '__proto__' })}`, `Bearer ${await mintAccessToken(api.keys)}`
    ]
    const bodies = await Promise.all(authorizations.map(async authorization => {
      const response = await app.inject({ url: '/api/me', headers: authorization === undefined ? {} : { authorization } })
      return `${response.statusCode} ${response.headers['www-authenticate']} ${response.body.replace(/"requestId":"[^"]+"/, '')}`
    }))
    t.equal(new Set(bodies).size, 1)
    t.match(bodies[0], /^401 Bearer error="invalid_token" .*invalid_token/)
    t.equal((await app.inject(`/api/me?access_token=${accessToken}`)).statusCode, 401, 'not from the query')
    t.equal((await get(app, '/api/me', accessToken)).statusCode, 200)
  })

  t.test('unused methods are 405 with Allow; nothing overrides a method', async t => {
    for (const [url, allow, methods] of [
      ['/api/login', 'POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
      ['/api/refresh', 'POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
      ['/api/protected', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE']],
      ['/api/me/history', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE']],
      ['/api/sessions', 'DELETE, GET, HEAD', ['POST', 'PUT', 'PATCH']],
      ['/api/sessions/x', 'DELETE', ['GET', 'HEAD', 'POST', 'PUT', 'PATCH']],
      ['/api/devices', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE']],
      ['/api/devices/x', 'DELETE', ['GET', 'HEAD', 'POST', 'PUT', 'PATCH']],
      ['/api/reauthenticate', 'POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
      ['/api/ws-ticket', 'POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
      ['/api/health', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE']]
    ] as const) {
      for (const method of methods) {
        const response = await app.inject({ method, url, headers: { 'x-http-method-override': 'POST' } })
        t.equal(response.statusCode, 405, `${method} ${url}`)
        t.same(String(response.headers['allow']).split(', ').sort(), allow.split(', '))
      }
    }
    for (const url of ['/api/login/', '/api//login', '/api/LOGIN', '/api/login;x', '/login']) {
      t.equal((await app.inject({ method: 'POST', url, payload: DEMO_ACCOUNT })).statusCode, 404, url)
    }
  })

  t.test('every endpoint of the cookie asks where a request comes from', async t => {
    const foreign = ['https://evil.test', 'null', '', 'http://localhost:3000.evil.test', 'http://localhost:3001', 'https://localhost:3000', 'http://localhost:3000/', 'HTTP://LOCALHOST:3000', 'http://localhost:3000, http://localhost:3000']
    for (const url of ['/api/login', '/api/refresh', '/api/logout']) {
      const statusWith = async (headers: Record<string, string>) => (await app.inject({ method: 'POST', url, headers, ...(url === '/api/login' && { payload: DEMO_ACCOUNT }) })).statusCode
      for (const origin of foreign) t.equal(await statusWith({ origin }), 403, `${url} ${origin}`)
      for (const site of ['cross-site', 'same-site', 'none']) t.equal(await statusWith({ 'sec-fetch-site': site }), 403, `${url} ${site}`)
      t.equal(await statusWith({ origin: 'https://evil.test', 'sec-fetch-site': 'same-origin' }), 403)
      for (const origin of config.ALLOWED_ORIGINS) t.not(await statusWith({ origin }), 403, `${url} ${origin}`)
      t.not(await statusWith({}), 403, 'curl')
      t.not(await statusWith({ 'sec-fetch-site': 'same-origin' }), 403)
    }
  })

  t.test('a refusal for its origin changes nothing', async t => {
    const { refreshToken, accessToken } = await login(app)
    await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${refreshToken}`, origin: 'https://evil.test' } })
    t.equal((await get(app, '/api/protected', accessToken)).statusCode, 200)
  })

  t.test('CORS opens to the listed origins by name and to nobody else', async t => {
    const origin = 'http://localhost:3000'
    const preflight = (from: string) => app.inject({ method: 'OPTIONS', url: '/api/login', headers: { origin: from, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } })
    t.match((await signIn({ origin })).headers, { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: /Origin/ })
    const allowed = await preflight(origin)
    t.equal(allowed.statusCode, 204)
    t.match(allowed.headers, { 'access-control-allow-origin': origin, 'access-control-allow-methods': /POST.*DELETE/, 'access-control-allow-headers': 'content-type', vary: /Origin/ })
    for (const other of ['https://evil.test', 'null', 'http://localhost:3000.evil.test', 'https://localhost:3000']) {
      for (const { headers } of [await preflight(other), await app.inject({ url: '/api/health', headers: { origin: other } })]) {
        t.notOk('access-control-allow-origin' in headers, other)
        t.match(headers['vary'], /Origin/)
      }
    }
    t.notOk('access-control-allow-origin' in (await app.inject('/api/health')).headers)
    t.equal((await app.inject({ method: 'OPTIONS', url: '/api/login' })).statusCode, 204, 'OPTIONS that is no preflight')
  })

  t.test('the published keys are public, and cacheable for less than a new key waits', async t => {
    const [bare, prefixed] = await Promise.all(['/.well-known/jwks.json', '/api/.well-known/jwks.json'].map(url => app.inject(url)))
    t.same(bare!.json(), prefixed!.json())
    t.strictSame(bare!.json().keys.map((key: object) => Object.keys(key).sort()), [['alg', 'e', 'kid', 'kty', 'n', 'use']])
    t.match(bare!.json().keys[0], { kid: api.keys.kid, alg: 'RS256', use: 'sig', kty: 'RSA', e: 'AQAB' })
    t.ok(Number(/max-age=(\d+)/.exec(String(bare!.headers['cache-control']))![1]) < 60)
  })

  t.test('what a signed-in client reads holds no secret and is not cached', async t => {
    const { accessToken } = await login(app)
    const me = await get(app, '/api/me', accessToken)
    t.strictSame(Object.keys(me.json()).sort(), ['createdAt', 'email', 'id', 'passwordChangedAt', 'username'])
    t.equal(me.headers['cache-control'], 'no-store')
    const protectedAnswer = await get(app, '/api/protected', accessToken)
    t.strictSame(Object.keys(protectedAnswer.json()).sort(), ['message', 'session', 'user'])
  })
})

t.test('over https the cookie is __Host- and Secure, and the plain name is not read', async t => {
  const { app } = await startApi(t, { PUBLIC_URL: 'https://app.example.test', SEED_DEMO_USER: 'false', BCRYPT_COST: '10' })
  const health = await app.inject('/api/health')
  t.match(health.headers['strict-transport-security'], /^max-age=31536000; includeSubDomains$/)
  for (const url of ['/api/docs', '/api/docs/', '/api/docs/json', '/api/openapi.json', '/documentation']) t.equal((await app.inject(url)).statusCode, 404, url)
  const logout = (origin: string) => app.inject({ method: 'POST', url: '/api/logout', headers: { origin } })
  t.match((await logout('https://app.example.test')).headers['set-cookie'], /^__Host-refreshToken=; Max-Age=0; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/)
  t.equal((await logout('http://app.example.test')).statusCode, 403)
  t.equal((await logout('http://localhost:3000')).statusCode, 403)
})

t.test('requests are measured under routes, never under what a client has sent', async t => {
  const { app, resources } = await startApi(t, { METRICS_PORT: '1' })
  await app.inject('/api/health')
  await app.inject({ method: 'DELETE', url: '/api/sessions/0-secret-0' })
  await app.inject('/0-secret-0')
  await app.inject({ method: 'DELETE', url: '/api/login' })
  const { text } = await resources.meter.render()
  const counts = [...text.matchAll(/^http_request_seconds_count\{(.*)\} (\d+)$/gm)].map(([, labels, count]) => `${labels} ${count}`)
  t.same(counts.sort(), [
    'route="DELETE /api/login",status="4xx" 1',
    'route="DELETE /api/sessions/:id",status="4xx" 1',
    'route="GET /api/health",status="2xx" 1',
    'route="none",status="4xx" 1'
  ])
})
