import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startApi } from './fixtures/api.js'

t.test('what arrives on the wire', async t => {
  const { app, logged } = await startApi(t, { LOG_LEVEL: 'trace' })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  /** Everything the server says to these bytes until it closes; the client closes its half at the end. */
  const send = async (bytes: string | Buffer, { hangUp = true } = {}) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(bytes)
    if (hangUp) socket.end()
    return await text(socket).catch(() => '')
  }
  const login = (headers: string, body = '{"username":"testuser","password":"password123"}') =>
    `POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`

  t.test('malformed requests are answered with 4xx or a close, never with a token', async t => {
    for (const bytes of [
      '', '\r\n\r\n\r\n', 'GARBAGE\r\n\r\n', '\0\0\0\0', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'GET /api/health HTTP/9.9\r\nHost: x\r\n\r\n', 'GET /api/health HTTP/1.1\r\n\r\n',
      'GET /api/health HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n', 'GET /api/health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n', 'GET /api/health HTTP/1.1\nHost: x\n\n',
      'CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /api/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      login('Content-Length: 48\r\nContent-Length: 49'), login('Content-Length: 48\r\nTransfer-Encoding: chunked'), login('Content-Length: -1'),
      login('Content-Length: 0x30'), login('Content-Length: 999'), login('Transfer-Encoding: chunked', 'zz\r\n'), login('Transfer-Encoding: chunked, identity', '0\r\n\r\n'),
      login('Transfer-Encoding: xchunked', '0\r\n\r\n'), login('Transfer-Encoding : chunked', '0\r\n\r\n'), login('X: a\r\n b\r\nContent-Length: 9'),
      `GET /api/health HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}\r\n\r\n`, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`
    ]) {
      const answer = await send(bytes)
      t.match(answer, /^(?:$|HTTP\/1\.1 (?:4\d\d|505) )/, JSON.stringify(String(bytes).slice(0, 100)))
      t.notMatch(answer, /accessToken|node_modules|at .*\.js/)
    }
    t.match(await send('GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 200 /, 'alive')
  })

  t.test('a refusal before there is a request has the form of every other', async t => {
    for (const [bytes, status, code] of [
      ['GARBAGE\r\n\r\n', 400, 'invalid_request'],
      ['GET /api/%zz?token=canary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400, 'invalid_request'],
      [`GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'payload_too_large']
    ] as const) {
      const answer = await send(bytes)
      t.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      t.match(answer, /content-type: application\/problem\+json/i)
      t.match(answer, /x-content-type-options: nosniff/i)
      t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)), { status, code, requestId: /^[0-9a-f-]{36}$/ })
      t.notMatch(answer, /canary/)
    }
  })

  t.test('one answer to one request: what follows a refused body is not a second request', async t => {
    const smuggled = 'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const bytes of [
      login('Content-Length: 4\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`),
      login('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', `0\r\n\r\n${smuggled}`),
      login('Content-Length: 5, 5', `     ${smuggled}`)
    ]) t.equal((await send(bytes)).match(/HTTP\/1\.1 /g)?.length ?? 0, 1)
  })

  t.test('a body too large is refused from its length, before it is sent', async t => {
    const answer = await send(login('Content-Length: 1048576', ''), { hangUp: false })
    t.match(answer, /^HTTP\/1\.1 413 [\s\S]*payload_too_large/)
    const chunked = await send(login('Transfer-Encoding: chunked', `5000\r\n${' '.repeat(0x5000)}\r\n`), { hangUp: false })
    t.match(chunked, /^HTTP\/1\.1 413 [\s\S]*payload_too_large/)
  })

  t.test('two Authorization headers are refused, whatever they hold', async t => {
    t.match(await send('GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*invalid_request/)
  })

  t.test('two types of one body are refused, even equal ones', async t => {
    for (const types of ['text/plain\r\nContent-Type: application/json', 'application/json\r\nContent-Type: text/plain', 'application/json\r\ncontent-type: application/json']) {
      const answer = await send(`POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: ${types}\r\nContent-Length: 48\r\nConnection: close\r\n\r\n{"username":"testuser","password":"password123"}`)
      t.match(answer, /^HTTP\/1\.1 415 [\s\S]*unsupported_media_type/)
    }
  })

  t.test('a refusal of what came whole leaves the connection open, also one of the tick in which the headers were read', async t => {
    const refused = 'GET /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n' + 'GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n' +
      'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}'
    const answers = (await send(`${refused}GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).split(/(?=HTTP\/1\.1 )/)
    t.same(answers.map(answer => [answer.slice(9, 12), /^connection: close/im.test(answer)]), [['404', false], ['401', false], ['415', false], ['200', true]])
  })

  t.test('an unreadable request leaves no trace of its bytes in the log', async t => {
    const before = logged.length
    await send('GET /api/me HTTP/1.1\r\nHost: x\r\nCookie: refreshToken=canary-cookie\r\nBad Header: y\r\n\r\n')
    const lines = logged.slice(before).join('')
    t.match(lines, /unreadable request/)
    t.notMatch(lines, /rawPacket|canary/)
  })
})
