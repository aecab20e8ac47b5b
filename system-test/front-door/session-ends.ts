import { decodeJwt } from 'jose'
import type { Test } from 'tap'
import { runProgram } from '../../fastify-api/test/fixtures/programs.js'
import type { Account } from '../fixtures/door-accounts.js'
import type { SignedIn } from '../fixtures/door-client.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { untilRefusedEverywhere } from './everywhere.js'
import { refresh } from './refreshing.js'

const bearer = ({ accessToken }: SignedIn) => ({ authorization: `Bearer ${accessToken}` })
const sidOf = ({ accessToken }: SignedIn) => String(decodeJwt(accessToken)['sid'])

/** A session with a socket, which each server and API has accepted. */
async function live (door: FrontDoor, account: Account, headers: Record<string, string> = {}) {
  const signedIn = await door.signIn(account, { headers })
  const socket = await door.connect({ headers: bearer(signedIn) })
  await socket.frame('connected')
  return { ...signedIn, socket }
}

/** The refresh token is refused from now on, the access token as soon as the news has come everywhere, and the socket closes with the reason. */
async function checkEnded (t: Test, door: FrontDoor, session: Awaited<ReturnType<typeof live>>, reason: string, code = 4410): Promise<void> {
  t.equal((await refresh(door, session.cookie)).json().code, 'invalid_grant', reason)
  await untilRefusedEverywhere(door, session.accessToken)
  t.match(await session.socket.closed, { code }, reason)
  t.match(session.socket.frames.at(-1), { type: 'session_revoked', payload: { reason } })
}

/** What `npm run admin` does. */
async function administer (door: FrontDoor, args: string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runProgram('packages/local-mode/dist/admin.js', args, {
    DATABASE_URL: door.database.connectionString, PASSWORD_PEPPER_PATH: door.keys.PASSWORD_PEPPER_PATH, BCRYPT_COST: '10'
  }, input)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

export const cases: Case[] = [
  {
    title: 'a logout ends refresh token, access token and sockets, clears the cookie, and is the same for a session that nobody knows',
    ids: ['RT-07'],
    async run (t, door) {
      const account = await door.createAccount()
      const [here, other] = [await live(door, account), await live(door, account)]
      const logout = (headers: Record<string, string>, body?: unknown) => door.request('/api/logout', { method: 'POST', headers, body })
      const answer = await logout({ cookie: here.cookie })
      t.equal(answer.status, 204)
      const [cleared] = answer.headers['set-cookie']!
      t.match(cleared, /^__Host-refreshToken=;/)
      t.match(cleared, /Max-Age=0|Expires=Thu, 01 Jan 1970/)
      await checkEnded(t, door, here, 'logout')
      for (const cookie of [here.cookie, '__Host-refreshToken=rubbish', 'other=1']) {
        const again = await logout({ cookie })
        t.equal(again.status, 204)
        t.strictSame(again.headers['set-cookie'], answer.headers['set-cookie'])
      }
      t.equal((await door.request('/api/protected', { headers: bearer(other) })).status, 200, 'another session goes on')
      const third = await live(door, account)
      t.equal((await logout(bearer(other), { everywhere: true })).status, 204)
      for (const session of [other, third]) await checkEnded(t, door, session, 'logout')
    }
  },
  {
    title: 'what administrators do ends sessions everywhere: disabling, another password, ending all of a user',
    ids: ['RT-08', 'RT-06'],
    async run (t, door) {
      const [disabled, changed, thrownOut, other] = await Promise.all(Array.from({ length: 4 }, () => door.createAccount()))
      const sessions = await Promise.all([disabled!, changed!, thrownOut!, thrownOut!].map(account => live(door, account)))
      const bystander = await live(door, other!)
      await Promise.all([
        administer(door, ['user', 'disable', disabled!.username]),
        administer(door, ['user', 'set-password', changed!.username], 'quite another passphrase of 2026\n'),
        administer(door, ['session', 'end', '--all', thrownOut!.username])
      ])
      await checkEnded(t, door, sessions[0]!, 'user_disabled', 4403)
      await checkEnded(t, door, sessions[1]!, 'password_changed')
      for (const session of sessions.slice(2)) await checkEnded(t, door, session, 'admin')
      t.equal((await refresh(door, bystander.cookie)).status, 200, 'nobody else\'s')
      await bystander.socket.leave()
      for (const { username, password } of [disabled!, changed!]) {
        t.equal((await door.request('/api/login', { method: 'POST', body: { username, password } })).json().code, 'invalid_credentials')
      }
    }
  },
  {
    title: 'a sign-in over a session, and forgetting the device of one, end it everywhere',
    ids: ['RT-08', 'RT-09'],
    async run (t, door) {
      const account = await door.createAccount()
      const replaced = await live(door, account)
      const deviceCookie = replaced.cookies.find(line => line.startsWith('__Host-device='))!.split(';')[0]!
      const here = await live(door, account, { cookie: `${replaced.cookie}; ${deviceCookie}` })
      await checkEnded(t, door, replaced, 'replaced')
      const elsewhere = await live(door, account)
      const { devices } = (await door.request('/api/devices', { headers: bearer(elsewhere) })).json()
      const { id } = devices.find(({ current }: { current: boolean }) => !current)
      t.equal((await door.request(`/api/devices/${id}`, { method: 'DELETE', headers: bearer(elsewhere) })).status, 204)
      await untilRefusedEverywhere(door, here.accessToken)
      t.equal((await here.socket.closed).code, 4410)
      t.equal((await refresh(door, elsewhere.cookie)).status, 200)
    }
  },
  {
    title: 'sessions are listed and ended by their own user alone',
    ids: ['RT-09'],
    async run (t, door) {
      const [one, other] = [await door.createAccount(), await door.createAccount()]
      const [here, there, mine] = [await live(door, one), await live(door, one), await live(door, other)]
      const list = async (session: SignedIn) => (await door.request('/api/sessions', { headers: bearer(session) })).json().sessions.map(({ id }: { id: string }) => id)
      t.same((await list(here)).sort(), [here, there].map(sidOf).sort())
      t.same(await list(mine), [sidOf(mine)])

      const end = (session: SignedIn, path: string) => door.request(path, { method: 'DELETE', headers: bearer(session) })
      const devices = (await door.request('/api/devices', { headers: bearer(here) })).json().devices as Array<{ id: string }>
      for (const path of [`/api/sessions/${sidOf(here)}`, `/api/sessions/${sidOf(there)}`, `/api/devices/${devices[0]!.id}`, '/api/sessions/00000000-0000-7000-8000-000000000000', '/api/sessions/x']) {
        t.equal((await end(mine, path)).json().code, 'not_found', path)
      }
      t.same((await list(here)).length, 2, 'nothing has ended')
      t.equal((await end(here, `/api/sessions/${sidOf(there)}`)).status, 204)
      await checkEnded(t, door, there, 'logout')
      const [second, third] = [await live(door, one), await live(door, one)]
      t.equal((await end(here, '/api/sessions')).status, 204)
      for (const session of [second, third]) await checkEnded(t, door, session, 'logout')
      t.same(await list(here), [sidOf(here)])
      t.same(await list(mine), [sidOf(mine)])
      for (const { socket } of [here, mine]) await socket.leave()
    }
  },
  {
    title: 'a user has at most a hundred sessions: one more ends the oldest, everywhere',
    ids: ['RT-09'],
    async run (t, door) {
      const { pool } = door.database
      const account = await door.createAccount()
      const oldest = await live(door, account)
      await pool.query("update sessions set created_at = now() - interval '1 day' where id = $1", [sidOf(oldest)])
      await pool.query(`
        insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at)
        select $1, decode(repeat('00', 32), 'hex'), '{pwd}', now() + interval '1 day', now() + interval '1 day' from generate_series(1, 99)`, [account.id])
      const newest = await door.signIn(account)
      await checkEnded(t, door, oldest, 'replaced')
      const { sessions } = (await door.request('/api/sessions', { headers: bearer(newest) })).json()
      t.equal(sessions.length, 100)
    }
  }
]
