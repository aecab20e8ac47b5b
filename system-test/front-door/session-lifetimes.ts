import { decodeJwt } from 'jose'
import type { Case } from './case.js'
import { leaveReplayWindow, refresh, refreshCookieOf } from './refreshing.js'

const DAY_MS = 86_400_000

export const cases: Case[] = [
  {
    title: 'the absolute end of a session never moves, the idle end moves but not past it, and no access token outlives it',
    ids: ['RT-05'],
    async run (t, door) {
      const { pool } = door.database
      let { cookie, body: { session } } = await door.signIn()
      const ends = async (): Promise<{ absolute: Date, idle: Date, now: Date }> =>
        (await pool.query('select expires_at as absolute, idle_expires_at as idle, now() as now from sessions where id = $1', [session.id])).rows[0]
      const begin = await ends()
      t.ok(begin.absolute.getTime() - begin.now.getTime() <= 30 * DAY_MS)
      t.ok(begin.idle.getTime() - begin.now.getTime() <= 7 * DAY_MS)

      for (let i = 0; i < 3; i++) {
        await leaveReplayWindow(door, session.id)
        const answer = await refresh(door, cookie)
        cookie = refreshCookieOf(answer)
        t.equal(answer.json().session.expiresAt, session.expiresAt)
      }
      const later = await ends()
      t.same(later.absolute, begin.absolute)
      t.ok(later.idle > begin.idle)

      // What thirty days bring about, in the row.
      await pool.query("update sessions set expires_at = now() + interval '60 seconds', rotated_at = rotated_at - interval '11 seconds' where id = $1", [session.id])
      const last = await refresh(door, cookie)
      t.ok(last.json().expiresIn <= 61)
      const near = await ends()
      t.same(near.idle, near.absolute)
      t.ok(decodeJwt(last.json().accessToken).exp! <= Math.ceil(near.absolute.getTime() / 1000))
      const [, maxAge] = /Max-Age=(\d+)/i.exec(last.headers['set-cookie']!.join())!
      t.ok(Number(maxAge) <= 60, 'nor does the cookie')
      await pool.query('update sessions set expires_at = now(), rotated_at = now() - interval \'11 seconds\' where id = $1', [session.id])
      t.equal((await refresh(door, refreshCookieOf(last))).json().code, 'invalid_grant')
    }
  },
  {
    title: 'a session that was not refreshed for long enough is over, its list entry too',
    ids: ['RT-05', 'RT-09'],
    async run (t, door) {
      const account = await door.createAccount()
      const [idle, here] = [await door.signIn(account), await door.signIn(account)]
      await door.database.pool.query('update sessions set idle_expires_at = now() where id = $1', [idle.body.session.id])
      t.equal((await refresh(door, idle.cookie)).json().code, 'invalid_grant')
      const { sessions } = (await door.request('/api/sessions', { headers: { authorization: `Bearer ${here.accessToken}` } })).json()
      t.match(sessions, [{ id: here.body.session.id }])
      t.equal(sessions.length, 1)
    }
  }
]
