import { createHash } from 'node:crypto'
import { Agent } from 'node:https'
import { decodeJwt } from 'jose'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { Case } from './case.js'
import { untilRefusedEverywhere } from './everywhere.js'
import { leaveReplayWindow, refresh, refreshAndUse, refreshCookieOf } from './refreshing.js'

const ROUNDS = 10
const AT_ONCE = 50

export const cases: Case[] = [
  {
    title: 'refresh tokens are opaque and never the same, and what the database keeps of them cannot be presented',
    ids: ['RT-01'],
    async run (t, door) {
      const signedIn = await Promise.all(Array.from({ length: 3 }, () => door.signIn()))
      let { cookie, body: { session: { id } } } = signedIn[0]!
      const cookies = signedIn.map(({ cookie }) => cookie)
      for (let i = 0; i < 20; i++) {
        cookie = refreshCookieOf(await refresh(door, cookie))
        cookies.push(cookie)
        await leaveReplayWindow(door, id)
      }
      t.equal(new Set(cookies).size, cookies.length)
      for (const cookie of cookies) t.match(cookie, /^__Host-refreshToken=[A-Za-z0-9_-]{115}$/)

      const secret = Buffer.from(cookie.split('=')[1]!, 'base64url').subarray(22, 54)
      const { rows: [{ row, hash }] } = await door.database.pool.query("select s::text as row, encode(secret_hash, 'hex') as hash from sessions s where id = $1", [id])
      t.equal(hash, createHash('sha256').update(secret).digest('hex'))
      t.notOk(row.includes(secret.toString('hex')))
      for (const kept of [hash, Buffer.from(hash, 'hex').toString('base64url'), id]) t.equal((await refresh(door, `__Host-refreshToken=${kept}`)).status, 401)
      t.equal((await refresh(door, cookie)).status, 200)
    }
  },
  {
    title: 'a used refresh token that comes back ends the family: newest token, access tokens on every API, sockets on every server',
    ids: ['RT-02'],
    async run (t, door) {
      const first = await door.signIn()
      const answered = await refresh(door, first.cookie)
      const second = { cookie: refreshCookieOf(answered), accessToken: answered.json().accessToken as string }
      await leaveReplayWindow(door, first.body.session.id)
      const third = await refreshAndUse(door, second.cookie)
      const sockets = await Promise.all([first, third, third].map(({ accessToken }) => door.connect({ headers: { authorization: `Bearer ${accessToken}` } })))

      const answer = await refresh(door, first.cookie)
      t.match({ status: answer.status, ...answer.json() }, { status: 401, code: 'invalid_grant' })
      t.equal(answer.headers['set-cookie'], undefined, 'the cookie is left alone')
      for (const { cookie } of [third, second, first]) t.equal((await refresh(door, cookie)).status, 401)
      for (const { accessToken } of [first, second, third]) await untilRefusedEverywhere(door, accessToken)
      for (const socket of sockets) {
        t.match(await socket.closed, { code: 4410 })
        t.match(socket.frames.at(-1), { type: 'session_revoked', payload: { reason: 'refresh_reuse' } })
      }
      const { rows } = await door.database.pool.query("select type from outbox where session_id = $1 and type = 'session.theft' union all select type from audit_log where session_id = $1 and type = 'session.theft'", [first.body.session.id])
      t.ok(rows.length > 0, 'and it is told')
    }
  },
  {
    title: `${AT_ONCE} refreshes of one token at once over both APIs, ${ROUNDS} times: one rotation, one successor`,
    ids: ['RT-03'],
    async run (t, door) {
      const agents = ['127.0.0.1', '127.0.0.31'].map(from => ({ from, agent: new Agent({ keepAlive: true }) }))
      let { cookie, body: { session: { id } } } = await door.signIn()
      const apisBefore = door.nginx.accessLog().length
      for (let round = 1; round <= ROUNDS; round++) {
        const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => refresh(door, cookie, agents[i % 2])))
        t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
        const successors = new Set(answers.map(refreshCookieOf))
        t.equal(successors.size, 1)
        t.strictSame(new Set(answers.map(answer => decodeJwt(answer.json().accessToken)['rg'])), new Set([round]))
        cookie = [...successors][0]!
        await leaveReplayWindow(door, id)
      }
      for (const { agent } of agents) agent.destroy()
      const { rows } = await door.database.pool.query('select generation, revoked_at from sessions where id = $1', [id])
      t.same(rows, [{ generation: ROUNDS, revoked_at: null }])
      const upstreams = door.nginx.accessLog().slice(apisBefore).filter(({ path }) => path === '/api/refresh').map(({ upstream }) => upstream)
      t.equal(new Set(upstreams).size, door.apis.length, 'every API had its share')
    }
  },
  {
    title: 'a used refresh token is recognised after everything has been restarted and cleaned up',
    ids: ['RT-04'],
    async run (t, door) {
      const { pool } = door.database
      const [first, expired] = [await door.signIn(), await door.signIn()]
      const second = await refreshAndUse(door, first.cookie)
      await leaveReplayWindow(door, first.body.session.id)
      await pool.query("update sessions set expires_at = now() - interval '1 second' where id = $1", [expired.body.session.id])
      await Promise.all([...door.apis, ...door.sockets, door.worker].map(part => part.restart()))
      // The worker cleans up as soon as it has started; what has ended for good is its work.
      await until(async () => (await pool.query('select from sessions where id = $1', [expired.body.session.id])).rowCount === 0)
      t.equal((await refresh(door, first.cookie)).json().code, 'invalid_grant')
      t.equal((await refresh(door, second.cookie)).json().code, 'invalid_grant')
      await untilRefusedEverywhere(door, second.accessToken)
      t.same((await pool.query('select revoke_reason from sessions where id = $1', [first.body.session.id])).rows, [{ revoke_reason: 'refresh_reuse' }])
    }
  }
]
