import type { Test } from 'tap'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
/** All that can be reached, and by what. */
const USED: Record<string, string[]> = {
  '/api/login': ['POST'],
  '/api/refresh': ['POST'],
  '/api/logout': ['POST'],
  '/api/reauthenticate': ['POST'],
  '/api/ws-ticket': ['POST'],
  '/api/protected': ['GET', 'HEAD'],
  '/api/me': ['GET', 'HEAD'],
  '/api/me/history': ['GET', 'HEAD'],
  '/api/sessions': ['GET', 'HEAD', 'DELETE'],
  '/api/sessions/x': ['DELETE'],
  '/api/devices': ['GET', 'HEAD'],
  '/api/devices/x': ['DELETE'],
  '/api/health': ['GET', 'HEAD'],
  '/.well-known/jwks.json': ['GET', 'HEAD'],
  '/api/.well-known/jwks.json': ['GET', 'HEAD']
}
/** What no part of it speaks, and what other servers do. */
const STRANGE = ['TRACE', 'PROPFIND', 'MKCOL', 'MOVE', 'LOCK', 'PURGE', 'SEARCH', 'SOURCE']
const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

/** All that an account has, without what says only that its access token was used. */
async function stateOf ({ database: { pool } }: FrontDoor, accountId: string): Promise<unknown> {
  const { rows } = await pool.query(`
    select (select jsonb_agg(to_jsonb(u) order by id) from users u where id = $1) as account,
           (select jsonb_agg(to_jsonb(s) - 'confirmed_generation' order by id) from sessions s where user_id = $1) as sessions,
           (select jsonb_agg(to_jsonb(d) order by id) from devices d where user_id = $1) as devices,
           (select count(*) from revocations where user_id = $1) as revocations,
           (select count(*) from ws_tickets) as tickets`, [accountId])
  return rows[0]
}

async function withCredentials (door: FrontDoor) {
  const account = await door.createAccount()
  const { accessToken, cookie, body } = await door.signIn(account)
  return { account, sessionId: body.session.id as string, headers: { authorization: `Bearer ${accessToken}`, cookie, origin: door.origin } }
}

async function isRefused (t: Test, door: FrontDoor, method: string, path: string, headers: Record<string, string>): Promise<void> {
  const { status } = await door.request(path, { method, headers })
  t.ok([404, 405].includes(status), `${method} ${path}: ${status}`)
}

export const cases: Case[] = [{
  title: 'every method that a path does not use is 405 with the ones that it does, whatever else the request says',
  ids: ['CK-06'],
  async run (t, door) {
    const { headers } = await withCredentials(door)
    for (const [path, used] of Object.entries(USED)) {
      for (const method of METHODS.filter(method => !used.includes(method))) {
        const answer = await door.request(path, { method, headers })
        t.equal(answer.status, 405, `${method} ${path}`)
        t.strictSame(answer.headers.allow?.split(', ').sort(), [...used].sort())
      }
    }
    t.equal((await door.request('/api/protected', { headers })).status, 200)
  }
}, {
  title: 'TRACE and methods of other protocols are refused everywhere',
  ids: ['CK-06'],
  async run (t, door) {
    const { headers } = await withCredentials(door)
    for (const path of ['/', '/api/login', '/api/protected', '/ws', '/api/nothing']) {
      for (const method of STRANGE) {
        const { status, body } = await door.request(path, { method, headers })
        t.ok([400, 403, 404, 405, 426].includes(status), `${method} ${path}: ${status}`)
        t.notMatch(body, /authorization|cookie/i, 'nothing of the request comes back')
      }
    }
  }
}, {
  title: 'no header and no parameter makes one method another',
  ids: ['CK-06'],
  async run (t, door) {
    const { account, sessionId, headers } = await withCredentials(door)
    const before = await stateOf(door, account.id)
    for (const name of OVERRIDES) {
      await isRefused(t, door, 'GET', '/api/logout', { ...headers, [name]: 'POST' })
      await isRefused(t, door, 'POST', `/api/sessions/${sessionId}`, { ...headers, [name]: 'DELETE' })
      await isRefused(t, door, 'POST', '/api/protected', { ...headers, [name]: 'GET' })
      t.equal((await door.request('/api/sessions', { headers: { ...headers, [name]: 'DELETE' } })).json().sessions.length, 1)
    }
    await isRefused(t, door, 'GET', '/api/logout?_method=POST', headers)
    await isRefused(t, door, 'POST', `/api/sessions/${sessionId}?_method=DELETE`, headers)
    t.strictSame(await stateOf(door, account.id), before)
  }
}, {
  title: 'safe methods change nothing, on any path',
  ids: ['CK-06'],
  async run (t, door) {
    const { account, sessionId, headers } = await withCredentials(door)
    const before = await stateOf(door, account.id)
    for (const path of ['/', '/ws', ...Object.keys(USED), `/api/sessions/${sessionId}`]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const { headers: answered } = await door.request(path, { method, headers })
        t.notOk('set-cookie' in answered, `${method} ${path}`)
      }
    }
    t.strictSame(await stateOf(door, account.id), before)
  }
}]
