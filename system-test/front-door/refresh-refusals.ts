import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decodeRefreshToken, encodeRefreshToken, type RefreshToken } from '../../fastify-api/src/auth/refresh-token.js'
import type { Peppers } from '../../fastify-api/src/auth/peppers.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { publicPart } from './public-part.js'
import { leaveReplayWindow, refresh, refreshAndUse } from './refreshing.js'

function peppersOf ({ keys }: FrontDoor): Peppers {
  const lines = readFileSync(keys.REFRESH_TOKEN_PEPPER_PATH, 'utf8').trim().split('\n').map(line => line.split(':') as [string, string])
  return { newestVersion: Number(lines.at(-1)![0]), byVersion: new Map(lines.map(([version, text]) => [Number(version), Buffer.from(text, 'base64')])) }
}

const textOf = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1)

export const cases: Case[] = [
  {
    title: 'every refused refresh gets the same answer, byte by byte, and keeps its cookie',
    ids: ['RT-12', 'JW-15'],
    async run (t, door) {
      const { pool } = door.database
      const peppers = peppersOf(door)
      const theirs: Peppers = { newestVersion: peppers.newestVersion, byVersion: new Map([[peppers.newestVersion, randomBytes(32)]]) }
      const [living, revoked, stolen, old, idle, ahead] = await Promise.all(Array.from({ length: 6 }, () => door.signIn()))
      const parts = decodeRefreshToken(peppers, textOf(living!.cookie))!
      const made = (changes: Partial<RefreshToken>, by = peppers) => `__Host-refreshToken=${encodeRefreshToken(by, { ...parts, ...changes })}`

      await door.request('/api/logout', { method: 'POST', headers: { cookie: revoked!.cookie } })
      await refreshAndUse(door, stolen!.cookie)
      await leaveReplayWindow(door, stolen!.body.session.id)
      await pool.query("update sessions set expires_at = now() - interval '1 second' where id = $1", [old!.body.session.id])
      await pool.query("update sessions set idle_expires_at = now() - interval '1 second' where id = $1", [idle!.body.session.id])
      const { ticket } = (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${living!.accessToken}` } })).json()

      const cookies: Record<string, string> = {
        none: 'other=1',
        empty: '__Host-refreshToken=',
        rubbish: '__Host-refreshToken=rubbish',
        'of the right form': `__Host-refreshToken=${'A'.repeat(115)}`,
        'one bit off': `__Host-refreshToken=${textOf(living!.cookie).replace(/.$/, last => last === 'A' ? 'E' : 'A')}`,
        'without the prefix': living!.cookie.replace('__Host-', ''),
        'of another server': made({}, theirs),
        'of no session': made({ sessionId: randomUUID() }),
        'with another secret': made({ secret: randomBytes(32) }),
        'of another session': made({ sessionId: revoked!.body.session.id }),
        'after a logout': revoked!.cookie,
        'used before': stolen!.cookie,
        'used before, again': stolen!.cookie,
        'past the absolute end': old!.cookie,
        'past the idle end': idle!.cookie,
        'of a generation far ahead': made({ ...decodeRefreshToken(peppers, textOf(ahead!.cookie))!, generation: 9 }),
        'an access token': `__Host-refreshToken=${living!.accessToken}`,
        'a ticket': `__Host-refreshToken=${ticket}`
      }
      const expected = publicPart(await refresh(door, '__Host-refreshToken=x'))
      t.match(expected, { status: 401, headers: { 'cache-control': 'no-store', 'set-cookie': undefined, 'www-authenticate': undefined }, body: /"code":"invalid_grant"/ })
      for (const [name, cookie] of Object.entries(cookies)) t.strictSame(publicPart(await refresh(door, cookie)), expected, name)
      const reasons = (await pool.query('select revoke_reason from sessions where id = any($1) order by 1', [[stolen, ahead].map(signedIn => signedIn!.body.session.id)])).rows
      t.same(reasons, [{ revoke_reason: 'refresh_reuse' }, { revoke_reason: 'state_lost' }], 'though not for the same reason')
      t.equal((await refresh(door, living!.cookie)).status, 200, 'who is not refused goes on')
    }
  },
  {
    title: 'answers that hold a credential are not kept, a refresh is a POST from our own pages',
    ids: ['RT-11'],
    async run (t, door) {
      const account = await door.createAccount()
      const login = await door.request('/api/login', { method: 'POST', body: { username: account.username, password: account.password } })
      const cookie = login.headers['set-cookie']!.find(line => line.startsWith('__Host-refreshToken='))!.split(';')[0]!
      for (const options of [
        { method: 'GET' }, { method: 'PUT' }, { method: 'DELETE' }
      ]) t.equal((await door.request('/api/refresh', { ...options, headers: { cookie } })).status, 405, options.method)
      for (const headers of [
        { origin: 'https://evil.example' }, { origin: 'null' }, { origin: `${door.origin}.evil.example` }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }
      ]) {
        const answer = await door.request('/api/refresh', { method: 'POST', headers: { cookie, ...headers } })
        t.match({ status: answer.status, code: answer.json().code, cookie: answer.headers['set-cookie'] }, { status: 403, code: 'origin_not_allowed', cookie: undefined })
      }
      const { rows } = await door.database.pool.query('select generation from sessions where id = $1', [login.json().session.id])
      t.same(rows, [{ generation: 0 }], 'none of it was a refresh')
      const refreshed = await refresh(door, cookie)
      const ticket = await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${login.json().accessToken}` } })
      for (const answer of [login, refreshed, ticket]) t.match({ status: answer.status, cacheControl: answer.headers['cache-control'] }, { status: 200, cacheControl: 'no-store' })
      for (const { body } of [login, refreshed, ticket]) t.notOk(body.includes(textOf(cookie).slice(0, 40)), 'what scripts may not read is in no body')
    }
  }
]
