import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import path from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { ERRORS, type ErrorCode } from '@fastify-uws-auth/auth-contract'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { FrontDoor, RequestOptions } from '../fixtures/front-door.js'
import { startNginxAlone } from '../fixtures/nginx-alone.js'
import { freePort } from '../fixtures/part.js'
import type { Case } from './case.js'

const HEADERS = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin'
}

/** A handshake. @returns the error's code instead of a socket when there is none */
async function handshake ({ port, host, ca }: Pick<FrontDoor, 'port' | 'host' | 'ca'>, options: ConnectionOptions): Promise<TLSSocket | string> {
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: host, ...options })
  socket.on('close', () => {})
  const outcome = await Promise.race([once(socket, 'secureConnect').then(() => socket), once(socket, 'error').then(([error]) => String(error.code))]).catch((error: NodeJS.ErrnoException) => String(error.code))
  if (typeof outcome === 'string') socket.destroy()
  return outcome
}

function protocolOf (outcome: TLSSocket | string): string {
  if (typeof outcome === 'string') return 'refused'
  const protocol = outcome.getProtocol()!
  outcome.destroy()
  return protocol
}

function valuesOf (rawHeaders: string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name)
}

export const cases: Case[] = [
  {
    title: 'TLS 1.2 and 1.3 with the ciphers of Mozilla\'s intermediate configuration, and nothing older',
    ids: ['NG-01'],
    async run (t, door) {
      const only = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3', ciphers?: string) => handshake(door, { minVersion: version, maxVersion: version, ...ciphers && { ciphers } })
      // Our side would offer these, and refuse them otherwise by itself.
      t.equal(protocolOf(await only('TLSv1', 'ALL@SECLEVEL=0')), 'refused')
      t.equal(protocolOf(await only('TLSv1.1', 'ALL@SECLEVEL=0')), 'refused')
      t.equal(protocolOf(await only('TLSv1.2', 'ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-CCM')), 'refused', 'no CBC')
      t.equal(protocolOf(await only('TLSv1.3')), 'TLSv1.3')
      for (const cipher of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
        const socket = await only('TLSv1.2', cipher) as TLSSocket
        t.equal(socket.getCipher().name, cipher)
        t.equal(socket.getTLSTicket(), undefined, 'no ticket, whose key would undo forward secrecy')
        socket.destroy()
      }
    }
  },
  {
    title: 'HTTP/2 works and is bounded',
    ids: ['NG-01'],
    async run (t, door) {
      const client = connectHttp2(door.origin, { ca: door.ca, createConnection: () => connectTls({ host: '127.0.0.1', port: door.port, ca: door.ca, servername: door.host, ALPNProtocols: ['h2'] }) })
      t.teardown(() => client.destroy())
      const [settings] = await once(client, 'remoteSettings')
      t.equal(settings.maxConcurrentStreams, 8)
      t.equal(settings.enableConnectProtocol, false, 'no WebSocket over HTTP/2 (RFC 8441), which would not be limited')
      const stream = client.request({ ':path': '/api/health' })
      const [headers] = await once(stream.resume(), 'response')
      t.equal(headers[':status'], 200)
      t.equal(headers['strict-transport-security'], HEADERS['strict-transport-security'])

      const room = path.join(door.nginx.folder, 'tmp/body')
      renameSync(room, `${room}-away`)
      const post = async (pieces: number) => {
        const stream = client.request({ ':method': 'POST', ':path': '/api/login', 'content-type': 'application/json' })
        for (let i = 0; i < pieces; i++) stream.write('x'.repeat(16))
        const [headers] = await once(stream.end().resume(), 'response')
        return headers[':status']
      }
      t.equal(await post(1000), 400, 'a body of 16,000 bytes in small frames is not written to disk')
      t.equal(await post(1200), 413, 'nor is one that is too large')
      renameSync(`${room}-away`, room)
    }
  },
  {
    title: 'over plain http a browser is led to https, and a password is not looked at',
    ids: ['NG-01'],
    async run (t, door) {
      for (const method of ['GET', 'HEAD']) {
        const redirect = await door.request('/?code=secret', { http: true, method })
        t.equal(redirect.status, 301)
        t.equal(redirect.headers.location, `${door.origin}/`, 'without what was sent in clear')
        t.notOk(redirect.headers['strict-transport-security'], 'RFC 6797, section 7.2')
      }
      const { username, password, id } = await door.createAccount()
      for (const path of ['/api/login', '/']) {
        const answer = await door.request(path, { http: true, method: 'POST', body: { username, password } })
        t.match(answer, { status: 403, headers: { connection: 'close', 'content-type': 'application/problem+json' } })
        t.equal(valuesOf(answer.rawHeaders, 'location').length, 0)
      }
      for (const path of ['/api/health', '/ws', '/.well-known/jwks.json']) t.equal((await door.request(path, { http: true })).status, 403)
      t.equal((await door.database.pool.query('select from sessions where user_id = $1', [id])).rowCount, 0)
    }
  },
  {
    title: 'security headers on every answer, each exactly once, whoever answers',
    ids: ['NG-02'],
    async run (t, door) {
      const { accessToken } = await door.signIn()
      const json = { 'content-type': 'application/json' }
      const answers = {
        200: await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } }),
        400: await door.request('/api/login', { method: 'POST', headers: json, body: '{' }),
        401: await door.request('/api/protected'),
        404: await door.request('/nothing'),
        405: await door.request('/api/health', { method: 'TRACE' }),
        413: await door.request('/api/login', { method: 'POST', headers: json, body: 'x'.repeat(20_000) }),
        426: await door.request('/ws')
      }
      for (const [status, answer] of Object.entries(answers)) {
        t.equal(answer.status, Number(status))
        for (const [name, value] of Object.entries(HEADERS)) t.strictSame(valuesOf(answer.rawHeaders, name), [value], `${name} of ${status}`)
        t.equal(valuesOf(answer.rawHeaders, 'x-request-id').length, 1)
        t.equal(valuesOf(answer.rawHeaders, 'server')[0] ?? 'nginx', 'nginx', 'without a version')
        t.equal(valuesOf(answer.rawHeaders, 'uwebsockets').length, 0)
        if (answer.status >= 400) t.match(answer.json(), { status: answer.status, code: String, title: String, type: String, requestId: String })
      }
      const page = await door.request('/')
      t.match(page, { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
      t.strictSame(valuesOf(page.rawHeaders, 'content-security-policy').length, 1, 'the page has its own policy alone')
    }
  },
  {
    title: 'what nginx refuses by itself is said as the API says it',
    ids: ['NG-02'],
    async run (t) {
      const { request, nginx } = await startNginxAlone(t, { API_UPSTREAMS: `127.0.0.1:${await freePort()}`, RATE_LIMIT_MULTIPLIER: '0.01' })
      const away: { status: number, code: ErrorCode, receives: Record<string, string> } = { status: 503, code: 'temporarily_unavailable', receives: { 'retry-after': '1' } }
      const expected: Array<{ path: string, options?: RequestOptions, status: number, code: ErrorCode, receives?: Record<string, string> }> = [
        { path: '/nothing', status: 404, code: 'not_found' },
        { path: '/api/health', options: { method: 'TRACE' }, status: 405, code: 'method_not_allowed', receives: { allow: 'GET, HEAD, POST, DELETE' } },
        { path: '/api/health', options: { method: 'POST', body: 'x'.repeat(20_000) }, status: 413, code: 'payload_too_large' },
        { path: '/ws', options: { headers: { 'x-long': 'x'.repeat(9000) } }, status: 431, code: 'payload_too_large' },
        { path: `/${'x'.repeat(9000)}`, status: 431, code: 'payload_too_large' },
        { path: '/api/login', options: { method: 'POST' }, ...away },
        { path: '/api/login', options: { method: 'POST' }, ...away },
        { path: '/api/login', options: { method: 'POST' }, status: 429, code: 'rate_limited', receives: { 'retry-after': '1' } }
      ]
      for (const { path, options, status, code, receives } of expected) {
        const answer = await request(path, options)
        t.match(answer, { status, headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...receives } }, path.slice(0, 20))
        t.match(answer.json(), { status, code, type: `urn:fastify-uws-auth:error:${code}`, title: ERRORS[code].title, requestId: answer.headers['x-request-id'] })
        t.equal(answer.json().retryAfter, receives?.['retry-after'] && 1)
        t.notOk(answer.headers['strict-transport-security'], 'plain http')
        for (const name of Object.keys(HEADERS).slice(1)) t.equal(valuesOf(answer.rawHeaders, name).length, 1, name)
      }
      // A worker writes its line after the answer has gone, whatever the other workers do.
      await until(() => nginx.accessLog().length >= expected.length)
      t.strictSame(nginx.accessLog().map(({ status }) => status).sort(), expected.map(({ status }) => status).sort())
    }
  }
]
