import t from 'tap'
import { SocketClient, connect, refusal } from './fixtures/socket-client.js'
import { PAGE, claimsOf, startSocketServer } from './fixtures/socket-server.js'

t.test('the end of a session closes its sockets, and only those', async t => {
  const server = await startSocketServer(t)
  const user = claimsOf()
  const otherSession = claimsOf({ sub: user['sub'] })
  const open = async (claims: Record<string, unknown>) => await connect(`${server.url}?token=${await server.mint(claims)}`)
  const ended = await Promise.all(Array.from({ length: 5 }, () => open(user)))
  const others = [await open(otherSession), await open(claimsOf())]

  await server.endSession(user, 'logout')
  for (const client of ended) {
    t.strictSame(await client.closed, { code: 4410, reason: 'session_revoked' })
    t.strictSame(client.frames.slice(1), [{ type: 'session_revoked', payload: { reason: 'logout' } }])
  }
  for (const client of others) {
    client.say({ type: 'ping', id: 'p' })
    t.equal((await client.answer('p')).type, 'pong')
    await client.leave()
  }
  t.equal((await refusal(`${server.url}?token=${await server.mint(user)}`)).status, 401, 'and it does not come back')
})

t.test('every reason reaches the client', async t => {
  const server = await startSocketServer(t)
  const closings: Array<[reason: string, code: number, told: string]> = [
    ['replaced', 4410, 'replaced'],
    ['refresh_reuse', 4410, 'refresh_reuse'],
    ['password_changed', 4410, 'password_changed'],
    ['admin', 4410, 'admin'],
    ['user_deleted', 4410, 'user_deleted'],
    ['user_disabled', 4403, 'user_disabled'],
    ['a reason of a later version', 4410, 'admin']
  ]
  for (const [reason, code, told] of closings) {
    const claims = claimsOf()
    const client = await connect(`${server.url}?token=${await server.mint(claims)}`)
    await server.endSession(claims, reason)
    t.equal((await client.closed).code, code, reason)
    t.strictSame(client.frames.at(-1), { type: 'session_revoked', payload: { reason: told } })
  }
})

t.test('a revocation whose message was lost is found by reading', async t => {
  const server = await startSocketServer(t)
  const claims = claimsOf()
  const client = await connect(`${server.url}?token=${await server.mint(claims)}`)
  await server.database.pool.query('alter table revocations disable trigger notify_revocation')
  await server.endSession(claims)
  t.equal((await client.closed).code, 4410)
})

t.test('a revocation survives a broken connection to the database', async t => {
  const server = await startSocketServer(t)
  const claims = claimsOf()
  const client = await connect(`${server.url}?token=${await server.mint(claims)}`)
  const { rowCount } = await server.database.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%revocations%'")
  t.ok(rowCount! >= 1)
  await server.endSession(claims)
  t.equal((await client.closed).code, 4410)
})

t.test('a revocation that arrives while an upgrade is verified', async t => {
  // The verification ends when the test says so; everything else is real.
  const gates: Array<() => void> = []
  let begun = () => {}
  const server = await startSocketServer(t, {}, ({ verifyAccessToken, revocations }) => {
    revocations.onRevoked(() => gates.splice(0).forEach(open => open()))
    return {
      async verifyAccessToken (accessToken) {
        const verification = await verifyAccessToken(accessToken)
        begun()
        await new Promise<void>(resolve => gates.push(resolve))
        return verification
      }
    }
  })

  t.test('refuses it over HTTP', async t => {
    const claims = claimsOf()
    const isVerifying = new Promise<void>(resolve => { begun = resolve })
    const answer = refusal(`${server.url}?token=${await server.mint(claims)}`)
    await isVerifying
    await server.endSession(claims)
    t.equal((await answer).status, 401)
  })

  t.test('refuses a page by close code', async t => {
    const claims = claimsOf()
    const isVerifying = new Promise<void>(resolve => { begun = resolve })
    const client = new SocketClient(`${server.url}?token=${await server.mint(claims)}`, { origin: PAGE })
    await isVerifying
    await server.endSession(claims)
    t.strictSame(await client.closed, { code: 4410, reason: 'session_revoked' })
    t.strictSame(client.frames, [])
  })
})

t.test('sockets that open while their session ends: none survives', async t => {
  const server = await startSocketServer(t)
  for (let round = 0; round < 5; round++) {
    const claims = claimsOf()
    const url = `${server.url}?token=${await server.mint(claims)}`
    const clients = Array.from({ length: 40 }, () => new SocketClient(url, { origin: PAGE }))
    const ending = clients[round * 5]!.frame('connected').then(() => server.endSession(claims))
    const codes = await Promise.all(clients.map(async client => (await client.closed).code))
    await ending
    t.strictSame(new Set(codes), new Set([4410]))
  }
})

t.test('when the feed is stale nobody gets in, and who is in stays', async t => {
  let stale = false
  const server = await startSocketServer(t, {}, ({ feed }) => ({
    feed: { start: () => feed.start(), close: () => feed.close(), staleness: () => feed.staleness(), isStale: () => stale || feed.isStale() }
  }))
  const accessToken = await server.mint()
  const client = await connect(`${server.url}?token=${accessToken}`)
  stale = true
  const answer = await refusal(`${server.url}?token=${accessToken}`)
  t.equal(answer.status, 503)
  t.equal(answer.headers['retry-after'], '1')
  t.equal(JSON.parse(answer.body).code, 'temporarily_unavailable')
  t.equal((await new SocketClient(`${server.url}?token=${accessToken}`, { origin: PAGE }).closed).code, 1013)
  t.equal((await fetch(`http://127.0.0.1:${server.port}/ready`)).status, 503)
  t.equal((await fetch(`http://127.0.0.1:${server.port}/health`)).status, 200)
  client.say({ type: 'echo', id: 'e', payload: {} })
  t.equal((await client.answer('e')).type, 'echo')
  client.say({ type: 'reauth', id: 'r', access: accessToken })
  t.match(await client.answer('r'), { type: 'error', payload: { code: 'temporarily_unavailable', retryable: true } })
  stale = false
  await (await connect(`${server.url}?token=${accessToken}`)).leave()
  await client.leave()
})
