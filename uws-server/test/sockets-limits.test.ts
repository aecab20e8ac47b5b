import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { SocketClient, connect, handshake, openTcp, refusal, talk } from './fixtures/socket-client.js'
import { PAGE, claimsOf, startSocketServer, type TestServer } from './fixtures/socket-server.js'

const statusAt = async (server: TestServer, headers: Array<[string, string]>, path = '/ws') =>
  Number((await talk(server.port, handshake({ path, headers }), answer => answer.includes('\r\n\r\n'))).slice(9, 12))

t.test('twenty sockets of one user, and no more until one closes', async t => {
  const server = await startSocketServer(t, { WS_MAX_SOCKETS_PER_USER: '20' })
  const user = claimsOf()
  const tokens = await Promise.all([server.mint(user), server.mint(claimsOf({ sub: user['sub'] }))])
  const clients = await Promise.all(Array.from({ length: 20 }, (_, n) => connect(`${server.url}?token=${tokens[n % 2]}`)))

  const answer = await refusal(`${server.url}?token=${tokens[0]}`)
  t.equal(answer.status, 429)
  t.equal(JSON.parse(answer.body).code, 'rate_limited')
  t.equal(answer.headers['retry-after'], '1')
  t.strictSame(await new SocketClient(`${server.url}?token=${tokens[0]}`, { origin: PAGE }).closed, { code: 4430, reason: 'connection_limit' })
  const anonymous = await connect(server.url)
  anonymous.say({ type: 'auth', access: tokens[0] })
  t.strictSame(await anonymous.closed, { code: 4430, reason: 'connection_limit' })
  t.match(anonymous.frames.at(-1), { type: 'error', payload: { code: 'rate_limited', fatal: true } })
  await (await connect(`${server.url}?token=${await server.mint()}`)).leave()

  await clients[0]!.leave()
  await (await connect(`${server.url}?token=${tokens[0]}`)).leave()
})

t.test('forty at once of one user: twenty get in', async t => {
  const server = await startSocketServer(t, { WS_MAX_SOCKETS_PER_USER: '20' })
  const accessToken = await server.mint()
  const clients = Array.from({ length: 40 }, () => new SocketClient(`${server.url}?token=${accessToken}`, { origin: PAGE }))
  const outcomes = await Promise.all(clients.map(client => Promise.race([client.frame('connected').then(() => 'in', () => 'out'), client.closed.then(({ code }) => code)])))
  t.equal(outcomes.filter(outcome => outcome === 'in').length, 20)
  for (const { socket } of clients) socket.terminate()
})

t.test('sockets from one address, authenticated or not', async t => {
  const server = await startSocketServer(t, { WS_MAX_SOCKETS_PER_ADDRESS: '5' })
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(server.url)))
  t.equal((await refusal(`${server.url}?token=${await server.mint()}`)).status, 429)
  t.strictSame(await new SocketClient(server.url, { origin: PAGE }).closed, { code: 4430, reason: 'connection_limit' })
  await (await connect(server.url, { localAddress: '127.0.0.2' })).leave()
  await clients[0]!.leave()
  await (await connect(server.url)).leave()
})

t.test('new sockets from one address: a burst, then the rate', async t => {
  const server = await startSocketServer(t, { RATE_LIMIT_MULTIPLIER: '1', WS_CONNECT_RATE: '0.001', WS_CONNECT_BURST: '50' })
  const clients = await Promise.all(Array.from({ length: 50 }, () => connect(server.url)))
  t.equal((await refusal(`${server.url}?token=${await server.mint()}`)).status, 429)
  t.strictSame(await new SocketClient(server.url, { origin: PAGE }).closed, { code: 4429, reason: 'rate_limited' })
  await (await connect(server.url, { localAddress: '127.0.0.2' })).leave()
  for (const { socket } of clients) socket.terminate()
})

t.test('after ten failed authentications nothing from the address is verified', async t => {
  const server = await startSocketServer(t, { RATE_LIMIT_MULTIPLIER: '1' })
  const accessToken = await server.mint()
  const anonymous = await connect(server.url)
  for (let failure = 0; failure < 9; failure++) t.equal((await refusal(`${server.url}?${failure % 2 ? 'token' : 'ticket'}=bad`)).status, 401)
  await (await connect(`${server.url}?token=${accessToken}`)).leave()
  t.equal((await refusal(server.url, { headers: { authorization: 'Bearer bad' } })).status, 401, 'the tenth')
  t.equal((await refusal(`${server.url}?token=bad`)).status, 429)
  t.equal((await refusal(`${server.url}?token=${accessToken}`)).status, 429)
  anonymous.say({ type: 'auth', access: accessToken })
  t.equal((await anonymous.closed).code, 4429)
  await (await connect(`${server.url}?token=${accessToken}`, { localAddress: '127.0.0.2' })).leave()
})

t.test('behind a proxy each client has its own limits, and nobody chooses their address', async t => {
  const limits = { WS_CONNECT_RATE: '0.001', WS_CONNECT_BURST: '2', RATE_LIMIT_MULTIPLIER: '1' }
  const behindProxy = await startSocketServer(t, { ...limits, TRUSTED_PROXIES: '127.0.0.1' })
  const statuses = async (server: TestServer, addresses: string[]) => {
    const codes: number[] = []
    for (const address of addresses) codes.push(await statusAt(server, [['X-Forwarded-For', address]]))
    return codes
  }
  t.strictSame(await statuses(behindProxy, ['198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.2']), [101, 101, 429, 101])
  t.strictSame(await statuses(behindProxy, ['203.0.113.1, 198.51.100.3', '203.0.113.2, 198.51.100.3', '203.0.113.3, 198.51.100.3']), [101, 101, 429])
  t.strictSame(await statuses(behindProxy, ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1']), [101, 101, 429, 101])

  const direct = await startSocketServer(t, limits)
  t.strictSame(await statuses(direct, ['198.51.100.1', '198.51.100.2', '198.51.100.3']), [101, 101, 429])
})

t.test('long echoes are compressed for who asked for it, everything else never is', async t => {
  const server = await startSocketServer(t)
  const firstBytes = async (extensions: Array<[string, string]>) => {
    const socket = await openTcp(server.port)
    const chunks: Buffer[] = []
    socket.on('data', chunk => chunks.push(chunk))
    socket.write(handshake({ path: `/ws?token=${await server.mint()}`, headers: extensions }))
    const wait = async (isEnough: (bytes: Buffer) => boolean) => { while (!isEnough(Buffer.concat(chunks))) await once(socket, 'data') }
    await wait(bytes => bytes.includes('\r\n\r\n') && bytes.length > bytes.indexOf('\r\n\r\n') + 10)
    const greeting = Buffer.concat(chunks)
    const first = greeting[greeting.indexOf('\r\n\r\n') + 4]
    chunks.length = 0
    const text = Buffer.from(JSON.stringify({ type: 'echo', payload: { text: 'x'.repeat(2000) } }))
    socket.write(Buffer.concat([Buffer.of(0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0), text]))
    await wait(bytes => bytes.length > 2)
    socket.destroy()
    return [first, Buffer.concat(chunks)[0]]
  }
  t.strictSame(await firstBytes([['Sec-WebSocket-Extensions', 'permessage-deflate']]), [0x81, 0xc1])
  t.strictSame(await firstBytes([]), [0x81, 0x81])

  const client = await connect(`${server.url}?token=${await server.mint()}`)
  t.match(client.socket.extensions, /permessage-deflate/)
  const payload = { text: 'long '.repeat(3000) }
  client.say({ type: 'echo', id: 'e', payload })
  t.strictSame((await client.answer('e')).payload, payload)
  client.socket.send(`{"type":"ping","padding":"${'x'.repeat(17_000)}"}`)
  t.equal((await client.closed).code, 1009, 'the limit counts what was unpacked')
})

t.test('a compressed message that unpacks to gigabytes costs a connection and nothing else', async t => {
  const server = await startSocketServer(t)
  const url = `${server.url}?token=${await server.mint()}`
  const client = await connect(url)
  client.socket.send('x'.repeat(30_000_000))
  t.equal((await client.closed).code, 1006)
  await (await connect(url)).leave()
})

t.test('stopping: red first, then no more connections, then the sockets', async t => {
  const server = await startSocketServer(t, { WS_DRAIN_NOTICE: '1s' })
  const accessToken = await server.mint()
  const client = await connect(`${server.url}?token=${accessToken}`)
  const closing = server.close()
  const ready = await fetch(`http://127.0.0.1:${server.port}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { status: 'draining' })
  t.equal((await fetch(`http://127.0.0.1:${server.port}/health`)).status, 200)
  t.equal((await refusal(`${server.url}?token=${accessToken}`)).status, 503)
  t.equal((await new SocketClient(`${server.url}?token=${accessToken}`, { origin: PAGE }).closed).code, 1012)
  client.say({ type: 'echo', id: 'e', payload: {} })
  await client.answer('e')
  t.strictSame(await client.closed, { code: 1012, reason: 'service restart' })
  await closing
})

t.test('stopping behind a proxy: pages are refused by HTTP, so that it can ask another server', async t => {
  const server = await startSocketServer(t, { WS_DRAIN_NOTICE: '1s', TRUSTED_PROXIES: '127.0.0.1' })
  const accessToken = await server.mint()
  const closing = server.close()
  t.equal((await refusal(`${server.url}?token=${accessToken}`, { origin: PAGE })).status, 503)
  await closing
})

t.test('many sockets are drained in slices, within the time there is', async t => {
  const server = await startSocketServer(t, { WS_DRAIN_TIMEOUT: '1s' })
  const url = `${server.url}?token=${await server.mint()}`
  const clients = await Promise.all(Array.from({ length: 600 }, () => connect(url)))
  let closed = 0
  const closings = clients.map(async client => {
    const { code } = await client.closed
    closed += 1
    return code
  })
  const closing = server.close()
  await Promise.race(closings)
  await delay(20)
  t.ok(closed < clients.length, 'not all at once')
  t.strictSame(new Set(await Promise.all(closings)), new Set([1012]))
  await closing
})
