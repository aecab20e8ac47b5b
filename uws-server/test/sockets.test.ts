import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { SocketClient, connect, refusal } from './fixtures/socket-client.js'
import { PAGE, claimsOf, startSocketServer } from './fixtures/socket-server.js'

t.test('connecting', async t => {
  const server = await startSocketServer(t)
  const { url } = server
  const claims = claimsOf()
  const accessToken = await server.mint(claims)
  const bearer = { headers: { authorization: `Bearer ${accessToken}` } }

  t.test('with the access token in either carrier', async t => {
    for (const client of [await connect(`${url}?token=${accessToken}`), await connect(url, bearer)]) {
      t.match(client.frames[0]!.payload, { userId: claims['sub'], sessionId: claims['sid'], expiresAt: new Date(Number(claims['exp']) * 1000).toISOString() })
      client.say({ type: 'echo', id: 'e', payload: { one: 1 } })
      t.strictSame(await client.answer('e'), { type: 'echo', id: 'e', payload: { one: 1 } })
      await client.leave()
    }
  })

  t.test('from a page that is allowed', async t => {
    const client = await connect(`${url}?token=${accessToken}`, { origin: PAGE })
    t.ok(client.frames[0])
    await client.leave()
  })

  t.test('the subprotocol is chosen when it is offered', async t => {
    const client = await connect(url, { ...bearer, protocols: ['other.v1', 'auth.v1'] })
    t.equal(client.socket.protocol, 'auth.v1')
    await client.leave()
    const without = await connect(url, bearer)
    t.equal(without.socket.protocol, '')
    await without.leave()
  })

  t.test('each connection has an id of its own', async t => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(url, bearer)))
    t.equal(new Set(clients.map(({ frames }) => frames[0]!.payload['connectionId'])).size, 10)
    await Promise.all(clients.map(client => client.leave()))
  })

  t.test('4 KB of headers are not too many', async t => {
    const client = await connect(`${url}?token=${accessToken}`, { headers: { cookie: `theme=${'x'.repeat(8000)}` } })
    t.ok(client.frames[0])
    await client.leave()
  })

  const expiredToken = await server.mint({ iat: Number(claims['iat']) - 100, exp: Number(claims['iat']) - 10 })
  const ended = claimsOf()
  const banned = claimsOf()
  await server.endSession(ended)
  await server.endSession(banned, 'user_disabled')
  const refusals: Array<{ name: string, query?: string, headers?: Record<string, string>, status: number, code: string, close: number }> = [
    { name: 'an Authorization of another kind', headers: { authorization: 'Basic eDp5' }, status: 401, code: 'invalid_token', close: 4401 },
    { name: 'an empty one', query: '?token=', status: 401, code: 'invalid_token', close: 4401 },
    { name: 'a bad one', query: `?token=${accessToken}x`, status: 401, code: 'invalid_token', close: 4401 },
    { name: 'an expired one', query: `?token=${expiredToken}`, status: 401, code: 'invalid_token', close: 4419 },
    { name: 'two', query: `?token=${accessToken}`, headers: bearer.headers, status: 400, code: 'invalid_request', close: 4400 },
    { name: 'of a session that has ended', query: `?token=${await server.mint(ended)}`, status: 401, code: 'invalid_token', close: 4410 },
    { name: 'of a disabled account', query: `?token=${await server.mint(banned)}`, status: 401, code: 'invalid_token', close: 4403 }
  ]
  t.before(async () => {
    // Both revocations have arrived when sockets of their sessions are refused.
    for (const { query } of refusals.slice(-2)) {
      for (;;) {
        const client = new SocketClient(`${url}${query}`, { origin: PAGE })
        const outcome = await Promise.race([client.closed, client.frame('connected').catch(() => client.closed)])
        if ('code' in outcome) break
        await client.leave()
      }
    }
  })
  for (const { name, query = '', headers = {}, status, code, close } of refusals) {
    t.test(`refused: ${name}`, async t => {
      const answer = await refusal(`${url}${query}`, { headers })
      t.equal(answer.status, status)
      t.equal(answer.headers['content-type'], 'application/problem+json')
      t.match(JSON.parse(answer.body), { status, code, type: `urn:fastify-uws-auth:error:${code}` })
      if (status === 401) t.match(answer.headers['www-authenticate'], /^Bearer/)

      const page = new SocketClient(`${url}${query}`, { headers, origin: PAGE })
      t.equal((await page.closed).code, close, 'a page is told by close code')
      t.strictSame(page.frames, [])
    })
  }

  t.test('a foreign page gets 403, whatever it carries', async t => {
    for (const origin of ['https://evil.example', 'null', `${PAGE}.evil.example`]) {
      for (const query of ['', `?token=${accessToken}`]) {
        const answer = await refusal(`${url}${query}`, { origin })
        t.equal(answer.status, 403)
        t.equal(JSON.parse(answer.body).code, 'origin_not_allowed')
      }
    }
  })
})

t.test('the query carrier can be switched off', async t => {
  const server = await startSocketServer(t, { WS_ALLOW_QUERY_TOKEN: 'false' })
  const accessToken = await server.mint()
  t.equal((await refusal(`${server.url}?token=${accessToken}`)).status, 400)
  await (await connect(server.url, { headers: { authorization: `Bearer ${accessToken}` } })).leave()
})

t.test('plain HTTP', async t => {
  const { port } = await startSocketServer(t)
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method })

  const health = await ask('/health')
  t.equal(health.status, 200)
  t.match(await health.json(), { status: 'ok', uptime: Number })
  const ready = await ask('/ready')
  t.equal(ready.status, 200)
  t.strictSame(await ready.json(), { status: 'ready', checks: { revocations: 'ok' } })

  for (const [path, status] of [['/health', 200], ['/ready', 200], ['/ws', 426], ['/nothing', 404]] as const) {
    const head = await ask(path, 'HEAD')
    t.equal(head.status, status, `HEAD ${path}`)
    t.ok(Number(head.headers.get('content-length')) > 0)
    t.equal(await head.text(), '')
  }

  const upgrade = await ask('/ws?token=x')
  t.equal(upgrade.status, 426)
  t.equal(upgrade.headers.get('upgrade'), 'websocket')
  t.match(await upgrade.json(), { code: 'upgrade_required' })
  for (const path of ['/', '/ws/', '/wss', '/metrics', '/health/', '/..%2fhealth']) {
    const answer = await ask(path)
    t.equal(answer.status, 404, path)
    t.match(await answer.json(), { code: 'not_found' })
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await ask('/health', method)
    t.equal(answer.status, 405, method)
    t.equal(answer.headers.get('allow'), 'GET')
  }
})

t.test('one socket lives through five reauths while 1,000 echoes pass: none lost, none reordered', async t => {
  const server = await startSocketServer(t)
  const claims = claimsOf()
  const mintAt = (generation: number) => {
    const iat = Math.floor(Date.now() / 1000)
    return server.mint({ ...claims, iat, exp: iat + 5, rg: generation })
  }
  const client = await connect(`${server.url}?token=${await mintAt(0)}`)
  const firstExpiry = Date.parse(String(client.frames[0]!.payload['expiresAt']))

  let sent = 0
  const echoes = (count: number) => { for (let i = 0; i < count; i++) client.say({ type: 'echo', id: `e${sent}`, payload: { n: sent++ } }) }
  for (let generation = 1; generation <= 5; generation++) {
    const access = await mintAt(generation)
    echoes(100)
    client.say({ type: 'reauth', id: `r${generation}`, access })
    echoes(100)
    t.match(await client.answer(`r${generation}`), { type: 'reauth_success', payload: { userId: claims['sub'] } })
    await client.answer(`e${sent - 1}`)
    await delay(1000)
  }
  await delay(Math.max(0, firstExpiry - Date.now()))
  client.say({ type: 'echo', id: 'last', payload: {} })
  t.equal((await client.answer('last')).type, 'echo', 'after the first access token has expired')
  t.strictSame(client.frames.filter(({ type, id }) => type === 'echo' && id !== 'last').map(({ payload }) => payload['n']), Array.from({ length: 1000 }, (_, n) => n))
  t.notOk(client.frames.some(({ type }) => type === 'error'))
  await client.leave()
})

t.test('stopping: every client is told, closed 1012, and nobody gets in meanwhile', async t => {
  const server = await startSocketServer(t)
  const accessToken = await server.mint()
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(`${server.url}?token=${accessToken}`)))
  const closing = server.close()
  for (const client of clients) {
    t.strictSame(await client.closed, { code: 1012, reason: 'service restart' })
    t.strictSame(client.frames.at(-1), { type: 'server_draining', payload: { reconnectWithinMs: 5000 } })
  }
  const late = new SocketClient(`${server.url}?token=${accessToken}`)
  const [err] = await once(late.socket, 'error')
  t.equal(err.code, 'ECONNREFUSED')
  await closing
})

t.test('an upgrade that is verified while the server stops is refused', async t => {
  let verificationMayEnd = () => {}
  const gate = new Promise<void>(resolve => { verificationMayEnd = resolve })
  let verificationHasBegun = () => {}
  const verifying = new Promise<void>(resolve => { verificationHasBegun = resolve })
  const server = await startSocketServer(t, {}, ({ verifyAccessToken }) => ({
    async verifyAccessToken (accessToken) {
      verificationHasBegun()
      await gate
      return await verifyAccessToken(accessToken)
    }
  }))
  const answer = refusal(`${server.url}?token=${await server.mint()}`)
  await verifying
  const closing = server.close()
  verificationMayEnd()
  t.equal((await answer).status, 503)
  t.equal((await answer).headers['retry-after'], '1')
  await closing
})
