import { endOf, readClaims } from '../account.js'
import { contains, holds, oneOf, same, show } from '../expect.js'
import { message } from '../frame-bytes.js'
import { inGroup } from '../runner.js'
import { pause } from '../waiting.js'

/** The server waits 10 s for a credential. */
const AUTH_TIMEOUT_MS = 10_000

export const ANONYMOUS = inGroup('ANON', [
  {
    sentence: 'without a credential the socket opens, and `connected` holds connectionId and anonymous: true, nothing else',
    async play (scene) {
      const { frames: [greeting] } = await scene.anonymous()
      same('the members', show(Object.keys(greeting!.payload).sort()), show(['anonymous', 'connectionId']))
      holds(typeof greeting!.payload['connectionId'] === 'string', 'a connectionId', greeting)
    }
  },
  {
    sentence: 'a page on the allowed origin may open one as well',
    async play (scene) { await scene.anonymous({ origin: scene.options.origin }) }
  },
  {
    sentence: 'ping is answered, bye closes with 1000',
    async play (scene) {
      const client = await scene.anonymous()
      same('the type', (await client.ask({ type: 'ping' })).type, 'pong')
      client.say({ type: 'bye' })
      await client.closesWith(1000)
    }
  },
  {
    sentence: 'echo and reauth are answered with error invalid_token, retryable, and are not executed',
    async play (scene) {
      const client = await scene.anonymous()
      for (const message of [{ type: 'echo', payload: { a: 1 } }, { type: 'reauth', access: await scene.access() }]) {
        contains('the answer', await client.ask(message), { type: 'error', payload: { code: 'invalid_token', retryable: true, fatal: false } })
      }
      await client.ask({ type: 'ping' })
      same('the frames', client.frames.map(({ type }) => type).join(), 'connected,error,error,pong')
    }
  },
  {
    sentence: 'an unknown type is answered with an error, and the socket goes on',
    async play (scene) {
      const client = await scene.anonymous()
      const { type, payload } = await client.ask({ type: 'no such type' })
      contains('the answer', { type, payload }, { type: 'error', payload: { fatal: false } })
      oneOf('the code', payload['code'], ['invalid_token', 'invalid_request'])
      same('the type', (await client.ask({ type: 'ping' })).type, 'pong')
    }
  },
  {
    sentence: 'the fifth malformed message closes with 4400 as on any socket',
    async play (scene) {
      const client = await scene.anonymous()
      for (let count = 0; count < 4; count++) await client.askError({ type: 'auth', access: count }, 'invalid_request')
      client.say({ type: 'auth' })
      await client.failsWith('invalid_request', 4400)
    }
  },
  {
    sentence: 'auth is answered with `connected`: the same connectionId, the id, and for whom and until when',
    async play (scene) {
      const access = await scene.access()
      const client = await scene.anonymous()
      const { sub, sid } = readClaims(access)
      const answer = await client.ask({ type: 'auth', access })
      const { connectionId } = client.frames[0]!.payload
      contains('the answer', answer, { type: 'connected', payload: { connectionId, userId: sub, sessionId: sid, expiresAt: new Date(endOf(access)).toISOString() } })
      const { anonymous, expiresInMs, serverTime } = answer.payload
      same('anonymous', anonymous, undefined)
      holds(typeof expiresInMs === 'number' && expiresInMs > 0, 'expiresInMs above 0', answer)
      holds(typeof serverTime === 'string', 'serverTime', answer)
      await client.works()
    }
  },
  {
    sentence: 'an authenticated socket renews as any other: reauth is answered with reauth_success',
    async play (scene) {
      const access = await scene.access()
      const client = await scene.anonymous()
      await client.ask({ type: 'auth', access })
      contains('the answer', await client.ask({ type: 'reauth', access }), { type: 'reauth_success', payload: { unchanged: true } })
    }
  },
  {
    sentence: 'messages behind auth in the same segment wait for it and are then executed, in their order',
    async play (scene) {
      const client = await scene.bare()
      client.write(scene.handshake())
      await client.head()
      const ids = ['early', 'auth', 'a', 'b', 'c']
      const access = await scene.access()
      client.write(
        message({ type: 'echo', id: 'early', payload: {} }), message({ type: 'auth', id: 'auth', access }),
        ...['a', 'b', 'c'].map(id => message({ type: 'echo', id, payload: {} }))
      )
      await client.message('the last answer', ({ id }) => id === 'c')
      const answers = client.messages.filter(({ id }) => id !== undefined)
      same('the ids', answers.map(({ id }) => id).join(), ids.join())
      same('the types', answers.map(({ type }) => type).join(), 'error,connected,echo,echo,echo')
    }
  },
  {
    sentence: 'messages behind a bad auth in the same segment are not executed',
    async play (scene) {
      const client = await scene.bare()
      client.write(scene.handshake())
      await client.head()
      client.write(message({ type: 'auth', access: 'bad' }), ...['a', 'b'].map(id => message({ type: 'echo', id, payload: {} })))
      same('the close code', await client.ended(), 4401)
      same('echoes', client.messages.filter(({ type }) => type === 'echo').length, 0)
    }
  },
  {
    sentence: 'messages in the same segment as the handshake and a bad auth are not executed',
    async play (scene) {
      const client = await scene.bare()
      client.write(scene.handshake(), message({ type: 'echo', payload: {} }), message({ type: 'auth', access: 'bad' }), message({ type: 'echo', payload: {} }))
      const head = await client.head()
      if (head?.status !== 101) return
      client.write(message({ type: 'auth', access: 'bad' }), message({ type: 'echo', payload: {} }))
      same('the close code', await client.ended(), 4401)
      same('echoes', client.messages.filter(({ type }) => type === 'echo').length, 0)
    }
  },
  {
    sentence: 'a bad access token: error invalid_token with fatal: true, then 4401',
    async play (scene) {
      const client = await scene.anonymous()
      client.say({ type: 'auth', access: 'bad', id: 'auth' })
      await client.failsWith('invalid_token', 4401)
      same('the id', client.frames.at(-1)!.id, 'auth')
    }
  },
  {
    sentence: 'a ticket or a refresh token in auth is a bad access token',
    async play (scene) {
      const session = await scene.signIn()
      const { body } = await session.ask('/api/ws-ticket', { method: 'POST' })
      for (const access of [session.cookie.replace(/^[^=]*=/, ''), String(body['ticket'])]) {
        const client = await scene.anonymous()
        client.say({ type: 'auth', access })
        await client.failsWith('invalid_token', 4401)
      }
    }
  },
  {
    sentence: 'auth on an authenticated socket: error invalid_request, and the principal stays',
    async play (scene) {
      const [own, other] = [await scene.member(), await scene.signIn()]
      await own.askError({ type: 'auth', access: other.access }, 'invalid_request')
      await own.works()
      await other.logout()
      await own.works()
    }
  },
  {
    sentence: 'auth on an authenticated socket counts as malformed: the fifth closes with 4400',
    async play (scene) {
      const access = await scene.access()
      const client = await scene.anonymous()
      await client.ask({ type: 'auth', access })
      for (let count = 0; count < 4; count++) await client.askError({ type: 'auth', access }, 'invalid_request')
      client.say({ type: 'auth', access })
      await client.failsWith('invalid_request', 4400)
    }
  },
  {
    sentence: 'two auths in the same segment: the first counts, the second is an error',
    async play (scene) {
      const access = await scene.access()
      const client = await scene.anonymous()
      client.say({ type: 'auth', id: 'first', access }, { type: 'auth', id: 'second', access })
      contains('the first answer', await client.answer('first'), { type: 'connected' })
      contains('the second answer', await client.answer('second'), { type: 'error', payload: { code: 'invalid_request', fatal: false } })
      await client.works()
    }
  },
  {
    sentence: 'no credential within 10 s: error auth_timeout with fatal: true, then 4408; pings do not help',
    lane: 'slow',
    async play (scene) {
      const client = await scene.anonymous()
      const pings = setInterval(() => client.say({ type: 'ping' }), 1000)
      await client.failsWith('auth_timeout', 4408, AUTH_TIMEOUT_MS * 2).finally(() => clearInterval(pings))
      holds(client.frames.filter(({ type }) => type === 'pong').length > 3, 'pongs until then', client.frames.length)
    }
  },
  {
    sentence: 'a socket that was authenticated in time outlives the 10 s',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.anonymous()
      await client.ask({ type: 'auth', access: session.access })
      // As a client with a short life does it, so that nothing but the first 10 s could close the socket.
      await pause(AUTH_TIMEOUT_MS / 2)
      await client.ask({ type: 'reauth', access: await session.refresh() })
      await pause(AUTH_TIMEOUT_MS / 2 + 2000)
      await client.works()
    }
  }
])
