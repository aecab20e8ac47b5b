import type { Case } from './case.js'
import { exchange } from './exchange.js'
import { foreignOrigins } from './foreign-origins.js'

/** The endpoints that read or set a cookie. */
const COOKIE_ENDPOINTS = ['/api/login', '/api/refresh', '/api/logout']
const FORM_TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; charset=application/json', 'text/json', '']

export const cases: Case[] = [{
  title: 'a request with a cookie from another page is refused, wherever it says it is from, and changes nothing',
  ids: ['CK-04'],
  async run (t, door) {
    const account = await door.createAccount()
    const { cookie, accessToken } = await door.signIn(account)
    const statusOf = async (path: string, headers: Record<string, string>) => {
      const body = path === '/api/login' ? { body: { username: account.username, password: account.password } } : {}
      const answer = await door.request(path, { method: 'POST', headers: { cookie, ...headers }, ...body })
      if (answer.status === 403) t.equal(answer.json()['code'], 'origin_not_allowed')
      t.notOk(answer.status === 403 && 'set-cookie' in answer.headers)
      return answer.status
    }
    for (const path of COOKIE_ENDPOINTS) {
      for (const origin of foreignOrigins(door)) t.equal(await statusOf(path, { origin }), 403, `${path} from ${origin}`)
      for (const site of ['cross-site', 'same-site', 'none', '']) t.equal(await statusOf(path, { 'sec-fetch-site': site }), 403, `${path} ${site}`)
      t.equal(await statusOf(path, { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }), 403, `${path}: the Origin counts`)
      t.equal(await statusOf(path, { origin: 'https://evil.example', 'x-forwarded-host': 'evil.example', referer: `${door.origin}/` }), 403)
    }
    const twice = (...origins: string[]) => exchange(door, [
      'POST /api/refresh HTTP/1.1', `Host: ${door.host}`, `Cookie: ${cookie}`, ...origins.map(origin => `Origin: ${origin}`), 'Connection: close', '', ''
    ].join('\r\n'))
    for (const answer of [await twice(door.origin, 'https://evil.example'), await twice(door.origin, door.origin)]) t.match(answer, /^HTTP\/1\.1 403 /, 'two of them')
    t.equal((await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } })).status, 200, 'nobody was signed out')
    const rows = await door.database.pool.query('select count(*)::int as sessions, max(generation) as generation from sessions where user_id = $1', [account.id])
    t.strictSame(rows.rows[0], { sessions: 1, generation: 0 }, 'nobody was signed in, nothing rotated')
    t.equal(await statusOf('/api/refresh', { origin: door.origin, 'sec-fetch-site': 'same-origin' }), 200, 'the page itself')
  }
}, {
  title: 'what a form can send is refused for its content type, also from an allowed page',
  ids: ['CK-04', 'HT-02'],
  async run (t, door) {
    const account = await door.createAccount()
    const { cookie } = await door.signIn(account)
    const payload = JSON.stringify({ username: account.username, password: account.password })
    for (const path of COOKIE_ENDPOINTS) {
      for (const type of FORM_TYPES) {
        const answer = await door.request(path, { method: 'POST', headers: { cookie, origin: door.origin, 'content-type': type }, body: path === '/api/login' ? payload : '{}' })
        t.match({ status: answer.status, ...answer.json() }, { status: 415, code: 'unsupported_media_type' }, `${path} ${type}`)
      }
    }
    t.equal((await door.request('/api/refresh', { method: 'POST', headers: { cookie, origin: door.origin } })).status, 200, 'the session is as it was')
  }
}, {
  title: 'CORS names the page on the list and nobody else, never *, and says that it depends on the Origin',
  ids: ['CK-05'],
  async run (t, door) {
    const { accessToken } = await door.signIn()
    const preflight = async (origin: string) => await door.request('/api/login', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } })
    const simple = async (origin: string) => await door.request('/api/protected', { headers: { origin, authorization: `Bearer ${accessToken}` } })
    const failing = async (origin: string) => await door.request('/api/protected', { headers: { origin } })
    for (const ask of [preflight, simple, failing]) {
      const allowed = await ask(door.origin)
      t.match(allowed.headers, { 'access-control-allow-origin': door.origin, 'access-control-allow-credentials': 'true', vary: /Origin/ })
      for (const origin of foreignOrigins(door)) {
        const { headers } = await ask(origin)
        t.notOk('access-control-allow-origin' in headers, `${ask.name} from ${origin}`)
        t.match(headers.vary, /Origin/, 'a cache keeps them apart')
      }
    }
    t.equal((await preflight(door.origin)).status, 204)
    t.notOk('access-control-allow-origin' in (await door.request('/api/health')).headers, 'without an Origin nothing is said')
  }
}]
