import { rmSync } from 'node:fs'
import path from 'node:path'
import { startNginxAlone } from '../fixtures/nginx-alone.js'
import { talk } from '../../uws-server/test/fixtures/socket-client.js'
import type { Case } from './case.js'
import { exchange } from './exchange.js'

const post = (headers: string, body = '') => `POST /api/logout HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n${body}`
const get = (headers: string) => `GET /api/health HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n`

/** What two readers could understand in two ways. Those with a body end with the beginning of another request. */
const AMBIGUOUS: Record<string, string> = {
  'two Content-Lengths': post('Content-Length: 0\r\nContent-Length: 44\r\n'),
  'the same Content-Length twice': post('Content-Length: 0\r\nContent-Length: 0\r\n'),
  'a list of Content-Lengths': post('Content-Length: 0, 0\r\n'),
  'Content-Length with a sign': post('Content-Length: +0\r\n'),
  'a negative Content-Length': post('Content-Length: -1\r\n'),
  'Content-Length in hexadecimal': post('Content-Length: 0x0\r\n'),
  'Content-Length and Transfer-Encoding': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'Transfer-Encoding and Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
  'Transfer-Encoding twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
  'an unknown Transfer-Encoding': post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
  'Transfer-Encoding that is chunked first': post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'),
  'Transfer-Encoding with a vertical tab': post('Transfer-Encoding: \vchunked\r\n', '0\r\n\r\n'),
  'space before the colon': post('Content-Length : 44\r\n'),
  'a folded header': post('X-A: b\r\n Content-Length: 44\r\n'),
  'a folded first header': 'GET /api/health HTTP/1.1\r\n Host: HOST\r\n\r\n',
  'a header without a colon': get('Content-Length\r\n'),
  'a header without a name': get(': 44\r\n'),
  'NUL in a header': get('X-A: b\0c\r\n'),
  'CR alone in a header': get('X-A: b\rContent-Length: 44\r\n'),
  'no Host': 'GET /api/health HTTP/1.1\r\n\r\n',
  'a chunk of no size': post('Transfer-Encoding: chunked\r\n', '\r\n\r\n'),
  'a chunk of a negative size': post('Transfer-Encoding: chunked\r\n', '-1\r\n\r\n'),
  'a chunk size of 0x0': post('Transfer-Encoding: chunked\r\n', '0x0\r\n\r\n'),
  'a chunk size that overflows': post('Transfer-Encoding: chunked\r\n', '10000000000000000\r\n{}\r\n0\r\n\r\n'),
  'a chunk longer than it says': post('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n', '2\r\n{}xx\r\n0\r\n\r\n'),
  'a space in the target': 'GET /api/health /x HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'an unknown version': 'GET /api/health HTTP/3.0\r\nHost: HOST\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a method in lower case': 'get /api/health HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'a path that is none': 'GET api/health HTTP/1.1\r\nHost: HOST\r\n\r\n'
}
/** nginx takes no request with two, so the API never sees one. */
const FOR_NGINX = { ...AMBIGUOUS, 'two Hosts': get('Host: HOST\r\n') }
/** nginx takes these and writes them anew. */
const FOR_API = { ...AMBIGUOUS, 'CR alone at the end of a header': get('X-A: b\r\r\n'), 'LF alone at the end of a line': get('X-A: b\r\n').replaceAll('\r', '') }
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n'

const statusesOf = (answer: string) => [...answer.matchAll(/^HTTP\/1\.[01] (\d+)/gm)].map(([, status]) => Number(status))
const isRefusal = (statuses: number[]) => statuses.length <= 1 && statuses.every(status => status >= 400 && status < 500)

export const cases: Case[] = [
  {
    title: 'what could be read in two ways is refused by nginx and by the API, with at most one answer, and the connection ends',
    ids: ['HT-03'],
    async run (t, door) {
      const api = door.apis[0]!
      const pids = [door.nginx.pid, ...door.apis.map(({ pid }) => pid)]
      const check = async (who: string, requests: Record<string, string>, host: string, say: (bytes: string) => Promise<string>) => {
        await Promise.all(Object.entries(requests).map(async ([title, bytes]) => {
          const statuses = statusesOf(await say((bytes + SMUGGLED).replaceAll('HOST', host)))
          t.ok(isRefusal(statuses), `${who}, ${title}: ${statuses}`)
        }))
      }
      await check('nginx', FOR_NGINX, `${door.host}:${door.port}`, bytes => exchange(door, bytes))
      await check('the API', FOR_API, `127.0.0.1:${api.port}`, bytes => talk(api.port, bytes))
      t.equal((await door.request('/api/health')).status, 200)
      t.strictSame([door.nginx.pid, ...door.apis.map(({ pid }) => pid)], pids)
      t.notMatch(door.nginx.errorLog(), /exited on signal/)
    }
  },
  {
    title: 'what nginx lets through, such as lines that end with LF alone, it has written anew',
    ids: ['HT-03'],
    async run (t) {
      const { port, received } = await startNginxAlone(t)
      const say = (bytes: string) => talk(port, bytes, answer => answer.endsWith('{}'))
      for (const bytes of ['POST /api/logout HTTP/1.1\r\nHost: localhost\r\r\nContent-Length: 2\r\n\r\n{}', 'POST /api/logout HTTP/1.1\nHost: localhost\nContent-Length: 2\n\n{}']) {
        t.match(await say(bytes), /^HTTP\/1\.1 200 /)
        t.match(received.at(-1), { method: 'POST', url: '/api/logout', headers: { 'content-length': ['2'] }, body: '{}' })
      }
      t.equal(received.length, 2)
    }
  },
  {
    title: 'no body is written to disk, however it is framed: it goes through where there is no room for it, or is refused',
    ids: ['HT-03'],
    async run (t) {
      const { nginx, port, received } = await startNginxAlone(t)
      rmSync(path.join(nginx.folder, 'tmp/body'), { recursive: true })
      const say = (bytes: string) => talk(port, bytes, answer => answer.endsWith('}'))
      const body = JSON.stringify({ password: 'x'.repeat(16_000) })
      const head = (framing: string) => `POST /api/login HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`
      t.match(await say(head(`Content-Length: ${body.length}`) + body), /^HTTP\/1\.1 200 /)
      t.equal(received.at(-1)!.body, body)
      for (const chunks of ['2;a=b\r\n{}\r\n', '1\r\nx\r\n'.repeat(4000), `1;${'e'.repeat(500)}\r\nx\r\n`.repeat(60)]) {
        t.match(await say(`${head('Transfer-Encoding: chunked')}${chunks}0\r\n\r\n`), /^HTTP\/1\.1 400 [\s\S]*\r\nConnection: close\r\n[\s\S]*"code":"invalid_request"/)
      }
      t.equal(received.length, 1)
    }
  },
  {
    title: 'the number and the length of headers are bounded',
    ids: ['NG-08', 'HT-04'],
    async run (t, door) {
      const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y']))
      t.equal((await door.request('/api/health', { headers: many(60) })).status, 200)
      t.ok([400, 431].includes((await door.request('/api/health', { headers: many(1000) })).status))
      t.equal((await door.request('/api/health', { headers: { authorization: `Bearer ${'x'.repeat(4000)}`, cookie: `a=${'x'.repeat(4000)}` } })).status, 200, 'a large access token beside cookies')
      t.equal((await door.request(`/api/health?token=${'x'.repeat(4000)}`)).status, 200)
      t.equal((await door.request(`/api/health?token=${'x'.repeat(8200)}`)).status, 431)
      t.equal((await door.request('/api/health', { headers: { a: 'x'.repeat(6000), b: 'x'.repeat(6000), c: 'x'.repeat(6000) } })).status, 431)
      t.equal((await door.request('/api/login', { method: 'POST', body: 'x'.repeat(16_385), headers: { 'content-type': 'application/json' } })).json().code, 'payload_too_large', 'by the API')
    }
  }
]
