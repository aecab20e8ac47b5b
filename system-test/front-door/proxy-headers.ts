import { randomBytes, randomInt } from 'node:crypto'
import { OUTER_PROXY } from '../fixtures/front-door.js'
import { startNginxAlone } from '../fixtures/nginx-alone.js'
import { handshake, talk } from '../../uws-server/test/fixtures/socket-client.js'
import type { Case } from './case.js'

const randomAddress = () => Array.from({ length: 4 }, () => randomInt(1, 255)).join('.')

/** Everything by which somebody may try to be another client. */
function forgedHeaders (address = randomAddress()): Record<string, string> {
  return {
    'X-Forwarded-For': address,
    'X-Real-IP': address,
    Forwarded: `for=${address};host=evil.test;proto=http`,
    'X-Forwarded-Host': 'evil.test',
    'X-Forwarded-Proto': 'http',
    'X-Forwarded-Port': '1',
    'X-Forwarded-User': 'admin',
    'X-Auth-Request-User': 'admin',
    'X-Remote-User': 'admin',
    'Remote-User': 'admin',
    'X-User-Id': '1',
    'X-Client-IP': address,
    'True-Client-IP': address,
    'CF-Connecting-IP': address,
    'X-Original-URL': '/api/health',
    'X-Rewrite-URL': '/api/health',
    'X-HTTP-Method-Override': 'GET',
    'X-Request-Id': 'forged',
    Proxy: 'http://evil.test',
    X_Forwarded_For: address,
    TE: 'trailers'
  }
}

const OVERWRITTEN = {
  'x-forwarded-for': ['127.0.0.7'], 'x-real-ip': ['127.0.0.7'], 'x-forwarded-host': ['localhost'], 'x-forwarded-proto': ['http'], 'x-request-id': [/^[0-9a-f]{32}$/]
}

export const cases: Case[] = [
  {
    title: 'forwarded headers are overwritten, what says who somebody is does not come through',
    ids: ['NG-03'],
    async run (t) {
      const { port, request, received } = await startNginxAlone(t)
      for (const path of ['/api/login', '/api/health', '/', '/ws']) {
        await request(path, { headers: { ...forgedHeaders(), authorization: 'Bearer x', origin: 'http://localhost', 'user-agent': 'test', 'content-type': 'application/json' }, from: '127.0.0.7' })
        const { headers } = received.at(-1)!
        t.match(headers, { ...OVERWRITTEN, 'x-forwarded-port': [String(port)], authorization: ['Bearer x'], origin: ['http://localhost'], 'user-agent': ['test'] }, path)
        const known = new Set(['host', 'connection', 'content-type', 'authorization', 'origin', 'user-agent', ...Object.keys(OVERWRITTEN), 'x-forwarded-port'])
        t.strictSame(Object.keys(headers).filter(name => !known.has(name)), [], path)
      }
    }
  },
  {
    title: 'Upgrade reaches the socket server alone and for WebSocket alone; cookies do not reach it',
    ids: ['NG-08', 'WS-02'],
    async run (t) {
      const { port, received } = await startNginxAlone(t)
      const upgrade = (path: string, protocol: string) => talk(port, [
        `GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Cookie: refreshToken=secret; a=b', '', ''
      ].join('\r\n'), answer => answer.includes('{}'))
      for (const [path, protocol] of [['/ws', 'h2c'], ['/ws', 'h2c, websocket'], ['/ws', 'TLS/1.2'], ['/api/health', 'h2c'], ['/api/health', 'websocket'], ['/', 'websocket']] as const) {
        t.match(await upgrade(path, protocol), /^HTTP\/1\.1 200 /, `${path} ${protocol}`)
        const { headers } = received.at(-1)!
        t.notOk(headers['upgrade'], `${path} ${protocol}`)
        t.notMatch(String(headers['connection']), /upgrade/i)
        t.strictSame(headers['cookie'], path === '/ws' ? undefined : ['refreshToken=secret; a=b'])
      }
      await upgrade('/ws', 'WebSocket')
      t.match(received.at(-1), { headers: { upgrade: ['websocket'], connection: ['upgrade'] } })
      t.notOk(received.at(-1)!.headers['cookie'])
    }
  },
  {
    title: 'the API and the socket server see the true address, and two clients as two',
    ids: ['NG-03', 'NG-04'],
    async run (t, door) {
      const account = await door.createAccount()
      const { accessToken } = await door.signIn(account, { from: '127.0.0.31', headers: forgedHeaders('203.0.113.9') })
      const { sessions } = (await door.request('/api/sessions', { headers: { authorization: `Bearer ${accessToken}` } })).json()
      t.equal(sessions[0].ip, '127.0.0.31')
      const socket = await door.connect({ query: `token=${accessToken}`, from: '127.0.0.31', headers: forgedHeaders('203.0.113.9') })
      await socket.frame('connected')
      await socket.leave()
      for (const part of [...door.apis, ...door.sockets, door.worker]) t.notMatch(part.output(), /203\.0\.113\.9/)
    }
  },
  {
    title: 'a client has one limit, whatever it says where it comes from',
    ids: ['RL-01', 'RL-02', 'NG-04', 'NG-08'],
    async run (t) {
      const { request, received } = await startNginxAlone(t, { RATE_LIMIT_MULTIPLIER: '0.05' })
      const login = async (from: string, headers = {}) => (await request('/api/login', { method: 'POST', from, headers })).status
      const count = async (answers: Array<Promise<number>>) => (await Promise.all(answers)).filter(status => status === 200).length
      // Three at once and one more with each that flows away in 20 s: only these can be more on a slow machine.
      const few = (passed: number) => passed >= 4 && passed <= 6
      t.ok(few(await count(Array.from({ length: 200 }, () => login('127.0.0.41', forgedHeaders())))), 'of 200 with random addresses')
      t.ok(few(await count(Array.from({ length: 20 }, () => login('127.0.0.42')))), 'another client has its own')
      const as = (address: string) => login(OUTER_PROXY, { 'x-forwarded-for': address })
      const hosts = Array.from({ length: 40 }, () => `2001:db8:1:2:${randomBytes(8).toString('hex').match(/..../g)!.join(':')}`)
      t.ok(few(await count([...hosts, '2001:DB8:1:2::', '2001:0db8:0001:0002:0:0:0:1', '2001:db8:1:2:0:ffff:192.0.2.1'].map(as))), 'a /64 of IPv6 is one client, in any form')
      t.ok(few(await count(['2001:db8:1:3::1', '2001:db8:1:3::2', '2001:db8:1:3::3', '2001:db8:1:3::4'].map(as))), 'the next /64 another')
      t.ok(few(await count(Array.from({ length: 20 }, (_, i) => as(`2001:db8:0:0:${i}::`)))), 'also where zeros are left out')
      const forms = ['203.0.113.5', '::ffff:203.0.113.5', '::ffff:cb00:7105', '::FFFF:203.0.113.5', '0:0:0:0:0:ffff:203.0.113.5', '203.0.113.5', '::ffff:203.0.113.5', '203.0.113.5']
      t.ok(few(await count(forms.map(as))), 'IPv4 and its IPv6 form are one')
      t.equal(received.at(-1)!.headers['x-forwarded-for']!.length, 1)
    }
  },
  {
    title: 'neither log holds a query, a token or a Referer, whatever goes wrong',
    ids: ['LO-02', 'LO-03', 'WS-02'],
    async run (t, door) {
      const secret = `canary${randomBytes(12).toString('hex')}`
      const alone = await startNginxAlone(t, { WS_UPSTREAMS: '127.0.0.1:1', API_UPSTREAMS: '127.0.0.1:1', RATE_LIMIT_MULTIPLIER: '0.01' })
      for (const request of [door.request, alone.request]) {
        const headers = { referer: `https://auth.example.test/?token=${secret}`, 'user-agent': secret, cookie: `a=${secret}`, authorization: `Bearer ${secret}` }
        for (const path of ['/ws', '/api/health', '/api/login', '/', '/nothing', '/api/ready', '/api/%zz', '//api', '/.well-known/jwks.json']) {
          await Promise.all([1, 2, 3].map(() => request(`${path}?token=${secret}&ticket=${secret}`, { headers })))
          await request(`${path}?${secret}`, { method: 'POST', headers, body: secret.repeat(1000) }).catch(() => {})
        }
        await request(`/api/x?${secret}${'x'.repeat(9000)}`, { headers })
        await request('/api/x', { headers: { ...headers, 'x-long': secret + 'x'.repeat(9000) } })
      }
      // A server that hangs up in the middle of an answer, and a client that does.
      await talk(alone.port, handshake({ path: `/ws?ticket=${secret}` }).replace('127.0.0.1', 'localhost'), () => true)
      await talk(alone.port, `\u001b[31m GET /?${secret} HTTP/1.1\r\n\r\n`)
      await talk(alone.port, `GET /"\\\u0001?${secret} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      for (const { nginx } of [door, alone]) {
        const entries = nginx.accessLog()
        t.ok(entries.length > 30)
        t.match(entries.find(({ path, method }) => path === '/api/login' && method === 'GET'), { requestId: /^[0-9a-f]{32}$/, client: '127.0.0.1', status: Number, bytesSent: Number, seconds: Number })
        t.notMatch(JSON.stringify(entries) + nginx.errorLog(), secret)
      }
      t.match(alone.nginx.accessLog().find(({ path }) => path === '/ws'), { upstream: '127.0.0.1:1', upstreamStatus: '502', status: 503 }, 'why it failed can be seen')
    }
  }
]
