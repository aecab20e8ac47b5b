import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { FrontDoor } from '../fixtures/front-door.js'
import { connectBare } from '../conformance/target.js'
import type { Case } from './case.js'
import { doorTarget } from './door-target.js'
import { exchange } from './exchange.js'

const CONNECTIONS_CONF = fileURLToPath(new URL('../../nginx/connections.conf', import.meta.url))
const LONGEST_BODY = 16_384
const SLOW_CLIENTS = 60
/** Longer would let few clients hold many connections (slowhttptest's own advice is below a minute). */
const LONGEST_WAIT_SECONDS = 15

const start = ({ host }: FrontDoor, method: string, path: string, ...lines: string[]) => [`${method} ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...lines].join('\r\n')
const complete = (door: FrontDoor, ...rest: [method: string, path: string, ...lines: string[]]) => `${start(door, ...rest)}\r\n\r\n`
const JSON_TYPE = 'Content-Type: application/json'

/** nginx waits for a while for a body that it has refused, so that the client reads the answer. */
const hasAnswered = (answer: string) => answer.includes('"requestId"')

function tooLarge (status: number): RegExp {
  return new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json[\\s\\S]*"status":${status},"code":"payload_too_large"`)
}

/** Clients from one address that begin a request and send a byte of it now and then. @returns how to end them */
async function slowClients (door: FrontDoor, from: string, beginning: string): Promise<{ sockets: Socket[], end: () => void }> {
  const target = await doorTarget(door)
  const sockets = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => connectBare(target, from)))
  for (const socket of sockets) socket.write(beginning)
  const dripping = setInterval(() => { for (const socket of sockets) socket.write('a') }, 100)
  return {
    sockets,
    end () {
      clearInterval(dripping)
      for (const socket of sockets) socket.destroy()
    }
  }
}

export const cases: Case[] = [{
  title: 'a body over 16 KB is 413, from its length or while it comes, and the connection ends',
  ids: ['HT-04'],
  async run (t, door) {
    const padded = (size: number) => `{"username":"x","password":"y","padding":"${' '.repeat(size - 44)}"}`
    t.equal(padded(LONGEST_BODY).length, LONGEST_BODY)
    const send = (body: string) => door.request('/api/login', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    t.equal((await send(padded(LONGEST_BODY))).status, 400, 'read, and refused for its member')
    for (const size of [LONGEST_BODY + 1, LONGEST_BODY + 2000]) {
      const { status, json } = await send(padded(size))
      t.match({ status, ...json() }, { status: 413, code: 'payload_too_large' }, `${size}`)
    }
    for (const path of ['/api/login', '/api/refresh', '/api/nothing']) {
      const told = await exchange(door, complete(door, 'POST', path, JSON_TYPE, 'Content-Length: 1073741824'), hasAnswered)
      t.match(told, path === '/api/nothing' ? /^HTTP\/1\.1 (?:404|413) / : tooLarge(413), `${path}: told`)
    }
    const untold = await exchange(door, `${complete(door, 'POST', '/api/login', JSON_TYPE, 'Transfer-Encoding: chunked')}5000\r\n${' '.repeat(0x5000)}\r\n0\r\n\r\n`, hasAnswered)
    t.match(untold, /^HTTP\/1\.1 400 /, 'in chunks: not read')
  }
}, {
  title: 'headers and addresses that are too long are refused, not cut',
  ids: ['HT-04'],
  async run (t, door) {
    const long = (length: number) => 'a'.repeat(length)
    t.match(await exchange(door, complete(door, 'GET', '/api/health', `X-Long: ${long(7000)}`)), /^HTTP\/1\.1 200 /)
    for (const [what, bytes] of [
      ['a header', complete(door, 'GET', '/api/health', `X-Long: ${long(9000)}`)],
      ['a cookie', complete(door, 'POST', '/api/refresh', `Cookie: __Host-refreshToken=${long(20_000)}`)],
      ['an access token', complete(door, 'GET', '/api/protected', `Authorization: Bearer ${long(9000)}`)],
      ['a path', complete(door, 'GET', `/api/${long(9000)}`)],
      ['a query', complete(door, 'GET', `/api/health?${long(9000)}`)],
      ['many headers', complete(door, 'GET', '/api/health', ...Array.from({ length: 1000 }, (_, n) => `X-${n}: ${long(20)}`))]
    ] as const) t.match(await exchange(door, bytes), /^HTTP\/1\.1 4(?:00|14|31) [\s\S]*application\/problem\+json/, what)
    t.match(await exchange(door, complete(door, 'GET', `/api/sessions/${long(500)}`)), /^HTTP\/1\.1 40[045] /, 'a parameter')
  }
}, {
  title: 'slow clients wait for nobody but themselves: others are served beside them',
  ids: ['HT-04'],
  async run (t, door) {
    for (const [from, beginning] of [
      ['127.0.0.41', start(door, 'GET', '/api/health', 'X-Slow: ')],
      ['127.0.0.42', `${complete(door, 'POST', '/api/login', JSON_TYPE, 'Content-Length: 10000')}{"username":"`]
    ] as const) {
      const slow = await slowClients(door, from, beginning)
      const { accessToken, cookie } = await door.signIn()
      t.equal((await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } })).status, 200)
      t.equal((await door.request('/api/refresh', { method: 'POST', headers: { cookie } })).status, 200)
      const socket = await door.connect({ headers: { authorization: `Bearer ${accessToken}` } })
      await socket.frame('connected')
      await socket.leave()
      t.equal(slow.sockets.filter(({ destroyed }) => !destroyed).length, SLOW_CLIENTS, 'while all of them were there')
      slow.end()
    }
  }
}, {
  title: 'every wait for a client has an end',
  ids: ['HT-04'],
  async run (t, door) {
    const conf = readFileSync(CONNECTIONS_CONF, 'utf8')
    for (const directive of ['client_header_timeout', 'client_body_timeout', 'send_timeout']) {
      const seconds = Number(new RegExp(`^${directive} (\\d+)s;`, 'm').exec(conf)?.[1])
      t.ok(seconds > 0 && seconds <= LONGEST_WAIT_SECONDS, `${directive}: ${seconds} s`)
    }
    // Half a request and then nothing: the client's end of it is answered or closed, never kept.
    const socket = await connectBare(await doorTarget(door), undefined)
    socket.end(start(door, 'GET', '/api/health'))
    socket.resume()
    await once(socket, 'close')
  }
}]
