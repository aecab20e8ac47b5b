import { randomBytes } from 'node:crypto'
import t from 'tap'
import { SocketClient, connect, refusal } from './fixtures/socket-client.js'
import { PAGE, claimsOf, startSocketServer } from './fixtures/socket-server.js'
import { sellTicket } from './fixtures/tickets.js'

t.test('a ticket opens one socket for whom it was bought', async t => {
  const server = await startSocketServer(t)
  const claims = claimsOf({ rg: 3 })
  const ticket = await sellTicket(server.database.pool, server.keys.kid, claims)
  const url = `${server.url}?ticket=${ticket}`
  const client = await connect(url)
  t.match(client.frames[0]!.payload, { userId: claims['sub'], sessionId: claims['sid'], expiresAt: new Date(Number(claims['exp']) * 1000).toISOString() })
  client.say({ type: 'reauth', id: 'r', access: await server.mint({ ...claims, rg: 4 }) })
  t.match(await client.answer('r'), { type: 'reauth_success' }, 'and an access token renews it')

  const again = await refusal(url)
  t.equal(again.status, 401)
  t.equal(JSON.parse(again.body).code, 'invalid_token')
  t.equal((await new SocketClient(url, { origin: PAGE }).closed).code, 4401)
  await server.endSession(claims)
  t.equal((await client.closed).code, 4410)
})

t.test('one ticket shown thirty times at once opens one socket', async t => {
  const server = await startSocketServer(t)
  const url = `${server.url}?ticket=${await sellTicket(server.database.pool, server.keys.kid)}`
  const clients = Array.from({ length: 30 }, () => new SocketClient(url, { origin: PAGE }))
  const outcomes = await Promise.all(clients.map(client => Promise.race([client.frame('connected').catch(() => 'refused'), client.closed.then(({ code }) => code)])))
  t.equal(outcomes.filter(outcome => typeof outcome === 'object').length, 1)
  for (const { socket } of clients) socket.terminate()
})

t.test('a ticket is worth nothing when its session has ended, its access token expired or its key was dropped', async t => {
  const server = await startSocketServer(t)
  const { pool } = server.database
  const closeOf = async (ticket: string) => (await new SocketClient(`${server.url}?ticket=${ticket}`, { origin: PAGE }).closed).code
  const ended = claimsOf()
  await server.endSession(ended)
  t.equal(await closeOf(await sellTicket(pool, server.keys.kid, ended)), 4410)
  const seconds = Math.floor(Date.now() / 1000)
  t.equal(await closeOf(await sellTicket(pool, server.keys.kid, claimsOf({ iat: seconds - 100, exp: seconds - 1 }))), 4419)
  t.equal(await closeOf(await sellTicket(pool, 'a key that is gone')), 4419)
  for (const text of ['', 'x', '%00', 'a'.repeat(43), 'a'.repeat(5000), randomBytes(32).toString('base64url')]) t.equal(await closeOf(text), 4401, text.slice(0, 10))
})

t.test('while the database is away tickets are refused for the time being', async t => {
  const server = await startSocketServer(t)
  await server.database.pool.query('revoke execute on function consume_ws_ticket (bytea) from ws')
  const ticket = randomBytes(32).toString('base64url')
  const answer = await refusal(`${server.url}?ticket=${ticket}`)
  t.equal(answer.status, 503)
  t.equal((await new SocketClient(`${server.url}?ticket=${ticket}`, { origin: PAGE }).closed).code, 1013)
  t.notOk(server.logged.some(line => line.includes(ticket)))
  t.ok(server.logged.some(line => line.includes('permission denied')), 'the operator is told why')
  await (await connect(`${server.url}?token=${await server.mint()}`)).leave()
})

t.test('a socket that is opened without a credential gets one by a message', async t => {
  const server = await startSocketServer(t)
  const claims = claimsOf()
  const accessToken = await server.mint(claims)
  for (const options of [{}, { origin: PAGE }]) {
    const client = await connect(server.url, options)
    const { connectionId } = client.frames[0]!.payload
    t.match(client.frames[0]!.payload, { anonymous: true })
    client.say({ type: 'echo', id: 'early', payload: {} })
    client.say({ type: 'auth', id: 'a', access: accessToken })
    client.say({ type: 'echo', id: 'late', payload: {} })
    t.match(await client.answer('late'), { type: 'echo' })
    t.match(await client.answer('early'), { type: 'error', payload: { code: 'invalid_token' } })
    t.match(await client.answer('a'), { type: 'connected', payload: { connectionId, userId: claims['sub'], sessionId: claims['sid'] } })
    await client.leave()
  }
  const client = await connect(server.url)
  client.say({ type: 'auth', access: accessToken })
  await client.count(2)
  await server.endSession(claims)
  t.equal((await client.closed).code, 4410, 'the registry knows it')
})

t.test('who shows none in time is closed', async t => {
  const server = await startSocketServer(t, { WS_AUTH_TIMEOUT: '1s' })
  const client = await connect(server.url)
  t.strictSame(await client.closed, { code: 4408, reason: 'auth_timeout' })
  t.match(client.frames.at(-1), { type: 'error', payload: { code: 'auth_timeout', fatal: true } })
})

t.test('a session that ends while its auth is verified', async t => {
  const server = await startSocketServer(t, {}, ({ verifyAccessToken, revocations }) => ({
    async verifyAccessToken (accessToken) {
      const verification = await verifyAccessToken(accessToken)
      if (verification.kind === 'verified') revocations.apply({ sid: verification.principal.sessionId, sub: verification.principal.subject, reason: 'logout', revokedAt: Date.now() })
      return verification
    }
  }))
  const client = await connect(server.url)
  client.say({ type: 'auth', access: await server.mint() })
  t.strictSame(await client.closed, { code: 4410, reason: 'session_revoked' })
  t.strictSame(client.frames.slice(1), [{ type: 'session_revoked', payload: { reason: 'logout' } }])
})
