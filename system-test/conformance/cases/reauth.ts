import { endOf, type Session } from '../account.js'
import { contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'
import type { Frame, SocketClient } from '../socket-client.js'
import { pause } from '../waiting.js'

/** The server reads one reauth in so long, when three have come at once. */
const REAUTH_EVERY_MS = 5100

/** A reauth that is read, whatever the limit: again after a while when it was too early. */
async function reauth (client: SocketClient, access: string): Promise<Frame> {
  for (;;) {
    const answer = await client.ask({ type: 'reauth', access })
    if (answer.payload['code'] !== 'rate_limited') return answer
    await pause(REAUTH_EVERY_MS)
  }
}

const instant = (access: string) => new Date(endOf(access)).toISOString()

/** A socket of a session of its own, and two access tokens: of the socket and a newer one that also ends later. */
async function renewable (scene: Scene): Promise<{ client: SocketClient, session: Session, older: string, newer: string }> {
  const session = await scene.signIn()
  const older = session.access
  const client = await scene.connect({ access: older })
  await pause(1100)                                  // instants in access tokens have whole seconds
  return { client, session, older, newer: await session.refresh() }
}

export const REAUTH = inGroup('REAUTH', [
  {
    sentence: 'a newer access token is answered with reauth_success {userId, expiresAt, expiresInMs}, and the id',
    async play (scene) {
      const { client, session, newer } = await renewable(scene)
      const { type, payload } = await client.ask({ type: 'reauth', access: newer })
      contains('the answer', { type, payload }, { type: 'reauth_success', payload: { userId: session.claims.sub, expiresAt: instant(newer) } })
      holds(typeof payload['expiresInMs'] === 'number' && payload['expiresInMs'] > 0, 'expiresInMs above 0', payload)
      same('unchanged', payload['unchanged'], undefined)
      await client.works()
    }
  },
  {
    sentence: 'the same access token again changes nothing: unchanged: true',
    async play (scene) {
      const { access } = await scene.signIn()
      const client = await scene.connect({ access })
      contains('the answer', await client.ask({ type: 'reauth', access }), { type: 'reauth_success', payload: { unchanged: true, expiresAt: instant(access) } })
    }
  },
  {
    sentence: 'an older but valid access token changes nothing: a replay does not shorten the socket\'s life',
    async play (scene) {
      const { client, older, newer } = await renewable(scene)
      await client.ask({ type: 'reauth', access: newer })
      contains('the answer', await client.ask({ type: 'reauth', access: older }), { type: 'reauth_success', payload: { unchanged: true, expiresAt: instant(newer) } })
      await client.works()
    }
  },
  {
    sentence: 'a bad access token: error invalid_token, not retryable, and the authority stays',
    async play (scene) {
      const client = await scene.member()
      same('retryable', (await client.askError({ type: 'reauth', access: 'bad' }, 'invalid_token')).payload['retryable'], false)
      await client.works()
    }
  },
  {
    sentence: 'the third failed reauth: error invalid_token with fatal: true, then 4401',
    async play (scene) {
      const client = await scene.member()
      for (let count = 0; count < 2; count++) await client.askError({ type: 'reauth', access: 'bad' }, 'invalid_token')
      await client.works()
      client.say({ type: 'reauth', access: 'bad' })
      await client.failsWith('invalid_token', 4401)
    }
  },
  {
    sentence: 'a renewal forgets the failures before it',
    lane: 'slow',
    async play (scene) {
      const { client, newer } = await renewable(scene)
      for (let count = 0; count < 2; count++) contains('the answer', await reauth(client, 'bad'), { type: 'error' })
      contains('the answer', await reauth(client, newer), { type: 'reauth_success' })
      for (let count = 0; count < 2; count++) contains('the answer', await reauth(client, 'bad'), { type: 'error', payload: { fatal: false } })
      await client.works()
    }
  },
  {
    sentence: 'an unchanged reauth does not forget the failures',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signIn()
      const client = await scene.connect({ access })
      for (let count = 0; count < 2; count++) contains('the answer', await reauth(client, 'bad'), { type: 'error' })
      contains('the answer', await reauth(client, access), { payload: { unchanged: true } })
      await pause(REAUTH_EVERY_MS)
      client.say({ type: 'reauth', access: 'bad' })
      await client.failsWith('invalid_token', 4401)
    }
  },
  {
    sentence: 'another session of the same user: error identity_mismatch with fatal: true, then 4409',
    async play (scene) {
      const [one, other] = [await scene.signIn(), await scene.signIn()]
      const client = await scene.connect({ access: one.access })
      client.say({ type: 'reauth', access: other.access })
      await client.failsWith('identity_mismatch', 4409)
      await (await scene.connect({ access: one.access })).works()
    }
  },
  {
    sentence: 'another user: error identity_mismatch with fatal: true, then 4409',
    async play (scene) {
      const other = await scene.signInAsSecond()
      const client = await scene.member()
      client.say({ type: 'reauth', access: other.access }, { type: 'echo', id: 'after', payload: {} })
      await client.failsWith('identity_mismatch', 4409)
      same('an answer to what came after it', client.frames.find(({ id }) => id === 'after'), undefined)
    }
  },
  {
    sentence: 'an access token of another session that has ended is a bad one, and does not end this session',
    async play (scene) {
      const ended = await scene.signIn()
      const witness = await scene.connect({ access: ended.access })
      await ended.logout()
      await witness.closesWith(4410)
      const client = await scene.member()
      await client.askError({ type: 'reauth', access: ended.access }, 'invalid_token')
      await client.works()
    }
  },
  {
    sentence: 'messages before, between and after two reauths are answered in their order, none is lost',
    async play (scene) {
      const { client, older, newer } = await renewable(scene)
      const messages: Array<Record<string, unknown>> = Array.from({ length: 30 }, (_, n) => ({ type: 'echo', id: `pipe-${n}`, payload: { n } }))
      messages[5] = { type: 'reauth', id: 'pipe-5', access: newer }
      messages[20] = { type: 'reauth', id: 'pipe-20', access: older }
      client.say(...messages)
      await client.answer('pipe-29')
      const answers = client.frames.filter(({ id }) => id?.startsWith('pipe-'))
      same('the ids', answers.map(({ id }) => id).join(), messages.map(({ id }) => id).join())
      same('the renewals', answers.filter(({ type }) => type === 'reauth_success').length, 2)
    }
  },
  {
    sentence: 'a ticket or a refresh token is no access token: error invalid_token',
    async play (scene) {
      const session = await scene.signIn()
      const { body } = await session.ask('/api/ws-ticket', { method: 'POST' })
      const client = await scene.connect({ access: session.access })
      for (const access of [session.cookie.replace(/^[^=]*=/, ''), String(body['ticket'])]) await client.askError({ type: 'reauth', access }, 'invalid_token')
      await client.works()
    }
  }
])
