import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import type { Test } from 'tap'
import { importTestKeys, mintAccessToken } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import type { SocketClient } from '../../uws-server/test/fixtures/socket-client.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'

const ADMIN = fileURLToPath(new URL('../../packages/local-mode/dist/admin.js', import.meta.url))
const SOCKETS = 3
const bearer = (accessToken: string) => ({ authorization: `Bearer ${accessToken}` })

/** Does what `npm run admin` does. */
async function administrate ({ database, keys }: FrontDoor, args: string[], input = ''): Promise<void> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: database.connectionString, KEYS_DIR: path.dirname(keys.PASSWORD_PEPPER_PATH) }
  const running = promisify(execFile)(process.execPath, [ADMIN, ...args], { env })
  running.child.stdin!.end(input)
  await running
}

/** A refresh token that comes back after both of its successors have been used. */
async function stealAndUse (door: FrontDoor, stolen: string, sessionId: string): Promise<void> {
  const { headers, json } = await door.request('/api/refresh', { method: 'POST', headers: { cookie: stolen } })
  await door.request('/api/protected', { headers: bearer(json().accessToken) })
  // The replay window is 10 s; what it asks is how long ago the rotation was.
  await door.database.pool.query("update sessions set rotated_at = rotated_at - interval '1 minute', confirmed_generation = generation where id = $1", [sessionId])
  const { status } = await door.request('/api/refresh', { method: 'POST', headers: { cookie: stolen } })
  if (status !== 401 || headers['set-cookie'] === undefined) throw new Error(`a used refresh token was answered ${status}`)
}

async function openSocket (door: FrontDoor, accessToken: string): Promise<SocketClient> {
  const socket = await door.connect({ headers: bearer(accessToken) })
  await socket.frame('connected')
  return socket
}

/** A session with sockets on both servers: nginx gives the next one to whoever has fewer. */
async function liveSession (door: FrontDoor) {
  const account = await door.createAccount()
  const session = await door.signIn(account)
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => openSocket(door, session.accessToken)))
  return { ...session, account, sockets, sessionId: session.body.session.id as string }
}
type LiveSession = Awaited<ReturnType<typeof liveSession>>

/** All of its sockets are told why and closed, and its access token opens none any more. */
async function isOver (t: Test, door: FrontDoor, { sockets, accessToken }: LiveSession, reason: string): Promise<void> {
  for (const socket of sockets) {
    t.match(await socket.closed, { code: reason === 'user_disabled' ? 4403 : 4410 }, reason)
    t.match(socket.frames.at(-1), { type: 'session_revoked', payload: { reason } })
  }
  t.equal((await door.refusal({ headers: bearer(accessToken) })).status, 401)
}

export const cases: Case[] = [{
  title: 'a socket dies with its access token: no authority from exp on, closed after the grace',
  ids: ['WS-04'],
  async run (t, door) {
    const { accessToken } = await door.signIn()
    const keys = await importTestKeys(door.keys.publicPem, door.keys.privatePem)
    const iat = Math.floor(Date.now() / 1000)
    const exp = iat + 2
    const short = await mintAccessToken(keys, { ...decodeJwt(accessToken), iat, exp })
    const socket = await openSocket(door, short)
    for (let n = 0; Date.now() < exp * 1000 + 300; n++) {
      socket.say({ type: 'echo', id: `e${n}`, payload: { sentAt: Date.now() } })
      await socket.answer(`e${n}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const answers = socket.frames.filter(({ id }) => id?.startsWith('e'))
    const firstRefused = answers.findIndex(({ type }) => type === 'error')
    t.ok(firstRefused > 0, 'echoes before exp, none after')
    t.ok(answers.slice(0, firstRefused).every(({ payload }) => Number(payload['sentAt']) < exp * 1000))
    t.ok(answers.slice(firstRefused).every(({ payload }) => payload['code'] === 'token_expired'))
    t.match(await socket.closed, { code: 4419 })
    t.equal((await door.refusal({ headers: bearer(short) })).status, 401)
  }
}, {
  title: 'a reauth keeps user and session; expired, older and foreign access tokens change nothing, or end the socket',
  ids: ['WS-04'],
  async run (t, door) {
    const account = await door.createAccount()
    const { accessToken, cookie } = await door.signIn(account)
    const keys = await importTestKeys(door.keys.publicPem, door.keys.privatePem)
    const claims = decodeJwt(accessToken)
    const now = Math.floor(Date.now() / 1000)
    const socket = await openSocket(door, accessToken)
    const reauth = async (on: SocketClient, id: string, access: string) => {
      on.say({ type: 'reauth', id, access })
      return await on.answer(id)
    }
    t.match(await reauth(socket, 'expired', await mintAccessToken(keys, { ...claims, iat: now - 900, exp: now - 1 })), { type: 'error', payload: { code: 'token_expired', fatal: false } })
    const newer = (await door.request('/api/refresh', { method: 'POST', headers: { cookie } })).json().accessToken as string
    t.match(await reauth(socket, 'newer', newer), { type: 'reauth_success' })
    t.match(await reauth(socket, 'older', accessToken), { type: 'reauth_success', payload: { unchanged: true } }, 'a replay brings nothing back')
    await socket.leave()

    const [sameUser, otherUser] = [await door.signIn(account), await door.signIn()]
    for (const { accessToken: foreign } of [sameUser, otherUser]) {
      const victim = await openSocket(door, newer)
      t.match(await reauth(victim, 'foreign', foreign), { type: 'error', payload: { code: 'identity_mismatch', fatal: true } })
      t.match(await victim.closed, { code: 4409 })
    }
  }
}, {
  title: 'whatever ends a session closes its sockets on every server, and no others',
  ids: ['WS-05'],
  async run (t, door) {
    const witness = await liveSession(door)
    const end = async (path: string, method: string, headers: Record<string, string>, body?: unknown) => {
      t.equal((await door.request(path, { method, headers, body })).status, 204)
    }
    const ways: Array<[reason: string, way: (session: LiveSession) => Promise<unknown>]> = [
      ['logout', ({ cookie }) => end('/api/logout', 'POST', { cookie })],
      ['logout', ({ accessToken }) => end('/api/logout', 'POST', bearer(accessToken), { everywhere: true })],
      ['logout', async ({ account, sessionId }) => end(`/api/sessions/${sessionId}`, 'DELETE', bearer((await door.signIn(account)).accessToken))],
      ['replaced', ({ account, cookie }) => door.signIn(account, { headers: { cookie } })],
      ['refresh_reuse', ({ cookie, sessionId }) => stealAndUse(door, cookie, sessionId)],
      ['password_changed', ({ account }) => administrate(door, ['user', 'set-password', account.username], 'another long enough passphrase\n')],
      ['user_disabled', ({ account }) => administrate(door, ['user', 'disable', account.username])]
    ]
    await Promise.all(ways.map(async ([reason, way]) => {
      const session = await liveSession(door)
      await way(session)
      await isOver(t, door, session, reason)
    }))
    for (const socket of witness.sockets) {
      socket.say({ type: 'ping', id: 'still' })
      t.match(await socket.answer('still'), { type: 'pong' }, 'a session of somebody else')
      await socket.leave()
    }
    const ports = new Set(door.nginx.accessLog().filter(({ path }) => path === '/ws').map(({ upstream }) => String(upstream).split(':').at(-1)))
    for (const { port } of door.sockets) t.ok(ports.has(String(port)), 'both servers had sockets')
  }
}, {
  title: 'when the message of an end is lost, the servers find it by themselves',
  ids: ['WS-05'],
  async run (t, door) {
    const session = await liveSession(door)
    await door.database.pool.query('alter table revocations disable trigger notify_revocation')
    try {
      t.equal((await door.request('/api/logout', { method: 'POST', headers: { cookie: session.cookie } })).status, 204)
      await isOver(t, door, session, 'logout')
    } finally {
      await door.database.pool.query('alter table revocations enable trigger notify_revocation')
    }
  }
}]
