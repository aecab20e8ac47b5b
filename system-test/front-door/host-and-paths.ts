import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import type { FrontDoor } from '../fixtures/front-door.js'
import { startNginxAlone } from '../fixtures/nginx-alone.js'
import { talk } from '../../uws-server/test/fixtures/socket-client.js'
import type { Case } from './case.js'
import { exchange } from './exchange.js'

/** What is for operators, for developers, or for nobody. */
const HIDDEN = [
  '/api/ready', '/api/ready/', '/api/ready?x', '/api/docs', '/api/docs/', '/api/docs/static/index.html', '/api/openapi.json',
  '/metrics', '/api/metrics', '/health', '/ready', '/.git/config', '/.env', '/keys/private.pem', '/server-status', '/nginx_status', '/stub_status',
  '/problem', '/package.json', '/client-demo.html', '/index.html', '/.well-known/', '/.well-known/openid-configuration', '/api', '/ws/', '/ws/x', '/WS', '/API/health'
]

/** Ways to write the path of /api/login, or of something hidden, that somebody might take for it. */
function disguises (path: string): string[] {
  const last = path.lastIndexOf('/') + 1
  const encoded = `%${path.charCodeAt(last).toString(16)}`
  return [
    `/${path}`, path.replace('/api/', '/api//'), `${path}/`, `${path}//`, `${path}/.`, `${path}/x/..`, `/./${path.slice(1)}`, `/x/..${path}`,
    path.slice(0, last) + encoded + path.slice(last + 1), path.replaceAll('/', '%2f'), `${path}%2f`, `${path}%00`, `${path};`, `${path};x=y`, `${path}%3b`, `${path}%20`,
    `${path}%3f`, `${path}%23`, path.toUpperCase(), path.replace('/api', '/Api'), path.replace('/api/', '/api\\'), path.replace('/api/', '/api/%2e/'), path.replace('/api/', '/x/%2e%2e/api/'),
    path.replace('/api/', '/api/..%2fapi/'), path.replace('/api/', '/%252e%252e/api/'), path.replace('/api/', '/api/%c0%ae/')
  ]
}

const head = (door: Pick<FrontDoor, 'host' | 'port'>, target: string, host = `${door.host}:${door.port}`) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

export const cases: Case[] = [
  {
    title: 'another name is given no certificate, and on a connection of ours no answer but 421',
    ids: ['NG-05'],
    async run (t, door) {
      for (const servername of ['other.example.test', '']) {
        const socket = connectTls({ host: '127.0.0.1', port: door.port, servername, rejectUnauthorized: false })
        const [error] = await once(socket, 'error')
        t.equal(error.code, 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
      }
      for (const host of ['other.example.test', '127.0.0.1', 'localhost', `${door.host}.evil.test`, '_', 'x', '[::1]']) t.equal(statusOf(await exchange(door, head(door, '/api/health', host))), 421, host)
      t.equal(statusOf(await exchange(door, head(door, 'https://other.example.test/api/health'))), 421, 'the absolute form counts (RFC 9112, section 3.2.2)')
      t.equal(statusOf(await exchange(door, head(door, `https://${door.host}/api/health`, 'other.example.test'))), 200)
      t.equal(statusOf(await exchange(door, head(door, '/api/health', `${door.host}:1`))), 200, 'any port: it may be published on another')
      t.equal(statusOf(await exchange(door, 'GET /api/health HTTP/1.1\r\nConnection: close\r\n\r\n')), 400, 'no Host')
      t.equal(statusOf(await exchange(door, 'GET /api/health HTTP/1.0\r\n\r\n')), 421, 'no Host in HTTP/1.0')
      t.equal(await talk(door.httpPort, head(door, '/', 'other.example.test')), '', 'over plain http nothing at all')
    }
  },
  {
    title: 'what is behind is told the configured name, however the client wrote it',
    ids: ['NG-05', 'NG-03'],
    async run (t) {
      const { port, received } = await startNginxAlone(t)
      await talk(port, `GET /api/health HTTP/1.1\r\nHost: LOCALHOST:${port}\r\nX-Forwarded-Host: evil.test\r\nConnection: close\r\n\r\n`)
      t.match(received.at(-1), { headers: { host: ['localhost'], 'x-forwarded-host': ['localhost'] } })
    }
  },
  {
    title: 'what is not for the public is not there, however its path is written',
    ids: ['HT-08', 'NG-06'],
    async run (t, door) {
      const paths = [...HIDDEN, ...['/api/ready', '/api/docs'].flatMap(disguises)]
      const answers = await Promise.all(paths.map(path => exchange(door, head(door, path))))
      for (const [i, path] of paths.entries()) {
        t.ok([400, 404].includes(statusOf(answers[i]!)), `${path}: ${statusOf(answers[i]!)}`)
        t.match(answers[i], /"code":"(?:not_found|invalid_request)"/)
      }
    }
  },
  {
    title: 'a disguised path leads nowhere, so no limit can be walked around',
    ids: ['NG-06', 'RL-04'],
    async run (t) {
      // One wrong password is evaluated by what is behind; the limit leaves two requests.
      const { port, received } = await startNginxAlone(t, { RATE_LIMIT_MULTIPLIER: '0.01' })
      const say = (target: string, method = 'POST') => talk(port, `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      const answers = await Promise.all(disguises('/api/login').map(path => say(path)))
      t.strictSame(received.filter(({ url }) => url !== '/api/login/'), [], 'what comes through is another path to the API, too')
      t.strictSame(answers.map(statusOf).filter(status => ![200, 400, 404, 429].includes(status)), [])
      const variants = ['/api/login', '/api/login?x', 'http://localhost/api/login', '/api/login?', '/api/login?a=/api/health']
      t.strictSame((await Promise.all(variants.map(path => say(path)))).map(statusOf).sort(), [200, 200, 429, 429, 429])
      for (const method of ['HEAD', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) t.equal(statusOf(await say('/api/login', method)), 429, method)
    }
  }
]
