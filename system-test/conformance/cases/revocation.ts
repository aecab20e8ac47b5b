import type { Account, Session } from '../account.js'
import { Skip, contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'
import type { SocketClient } from '../socket-client.js'
import { pause } from '../waiting.js'

const REASONS = ['logout', 'replaced', 'refresh_reuse', 'password_changed', 'admin', 'user_deleted']
/** Longer than `REFRESH_REPLAY_WINDOW` when it is not set. */
const REPLAY_WINDOW_MS = 10_500

/** Expects the frame that says why, as the last one, then 4410. */
async function isRevoked (client: SocketClient, reasons = REASONS): Promise<void> {
  await client.closesWith(4410)
  const last = client.frames.at(-1)
  same('the type of the last frame', last?.type, 'session_revoked')
  holds(reasons.includes(String(last?.payload['reason'])), `one of the reasons ${reasons.join(', ')}`, last?.payload['reason'])
}

async function signInTwice (scene: Scene, account: Account): Promise<[Session, Session]> {
  return [await scene.signIn(account), await scene.signIn(account)]
}

export const REVOCATION = inGroup('REVOKE', [
  {
    sentence: 'a logout closes every socket of the session: session_revoked {reason: logout}, then 4410',
    async play (scene) {
      const session = await scene.signIn()
      const clients = [await scene.connect({ access: session.access }), await scene.connect({ access: session.access })]
      await session.logout()
      for (const client of clients) await isRevoked(client, ['logout'])
    }
  },
  {
    sentence: 'a logout leaves the sockets of the user\'s other sessions alone',
    async play (scene) {
      const [one, other] = [await scene.signIn(), await scene.member()]
      const witness = await scene.connect({ access: one.access })
      await one.logout()
      await isRevoked(witness)
      await other.works()
    }
  },
  {
    sentence: 'a logout closes sockets that were authenticated by a message or a ticket',
    async play (scene) {
      const session = await scene.signIn()
      const { body } = await session.ask('/api/ws-ticket', { method: 'POST' })
      const byTicket = await scene.connect({ ticket: String(body['ticket']) })
      const byMessage = await scene.anonymous()
      await byMessage.ask({ type: 'auth', access: session.access })
      await session.logout()
      await isRevoked(byTicket, ['logout'])
      await isRevoked(byMessage, ['logout'])
    }
  },
  {
    sentence: 'a login over a live refresh cookie ends its session: reason replaced, 4410',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.connect({ access: session.access })
      await scene.signIn(scene.options.account, session.cookie)
      await isRevoked(client, ['replaced'])
    }
  },
  {
    sentence: 'a used refresh token that comes back ends the session: reason refresh_reuse, 4410',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signIn()
      const stolen = session.cookie
      const client = await scene.connect({ access: await session.refresh() })
      await pause(REPLAY_WINDOW_MS)
      const { status } = await session.tryRefresh(stolen)
      if (status === 200) throw new Skip('the server answers a used refresh token for longer than 10 s')
      same('the status', status, 401)
      await isRevoked(client, ['refresh_reuse'])
    }
  },
  {
    sentence: 'a session that is ended from another one of the same user: 4410, and the other goes on',
    async play (scene) {
      const [ended, other] = await signInTwice(scene, scene.options.account)
      const [client, witness] = [await scene.connect({ access: ended.access }), await scene.connect({ access: other.access })]
      same('the status', (await other.ask(`/api/sessions/${ended.claims.sid}`, { method: 'DELETE' })).status, 204)
      await isRevoked(client)
      await witness.works()
    }
  },
  {
    sentence: 'a logout everywhere closes the sockets of all sessions of the user, and of nobody else',
    lane: 'alone',
    async play (scene) {
      await scene.signInAsSecond()
      const sessions = await signInTwice(scene, scene.options.second!)
      const clients = await Promise.all(sessions.map(async ({ access }) => await scene.connect({ access })))
      const witness = await scene.member()
      same('the status', (await sessions[0].ask('/api/logout', { method: 'POST', body: { everywhere: true } })).status, 204)
      for (const client of clients) await isRevoked(client, ['logout'])
      await witness.works()
    }
  },
  {
    sentence: 'an auth message with an access token whose session has ended: session_revoked, then 4410',
    async play (scene) {
      const session = await scene.signIn()
      const witness = await scene.connect({ access: session.access })
      await session.logout()
      await isRevoked(witness)
      const client = await scene.anonymous()
      client.say({ type: 'auth', access: session.access })
      await isRevoked(client, ['logout'])
    }
  },
  {
    sentence: 'nothing is executed after session_revoked, however much was on its way',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.connect({ access: session.access })
      const leaving = session.logout()
      for (let n = 0; client.closing === undefined && n < 35; n++) {
        client.say({ type: 'echo', payload: { n } })
        await pause(5)
      }
      await leaving
      await isRevoked(client, ['logout'])
      const revoked = client.frames.findIndex(({ type }) => type === 'session_revoked')
      same('frames after session_revoked', client.frames.length - 1 - revoked, 0)
    }
  },
  {
    sentence: 'a reauth with an access token of the own, ended session does not keep the socket: 4410',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.connect({ access: session.access })
      const newer = await session.refresh()
      await session.logout()
      if (client.closing === undefined) client.say({ type: 'reauth', access: newer })
      await client.closesWith(4410)
      contains('the last frame', client.frames.at(-1), { type: 'session_revoked' })
    }
  },
  {
    sentence: 'ten logouts at once close ten sockets, each with 4410',
    lane: 'alone',
    async play (scene) {
      const sessions = await Promise.all(Array.from({ length: 10 }, () => scene.signIn()))
      const clients = await Promise.all(sessions.map(async ({ access }) => await scene.connect({ access })))
      await Promise.all(sessions.map(async session => await session.logout()))
      for (const client of clients) await isRevoked(client, ['logout'])
    }
  }
])
