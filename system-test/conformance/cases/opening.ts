import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign, type JsonWebKey } from 'node:crypto'
import { endOf, readClaims } from '../account.js'
import { Skip, contains, holds, oneOf, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'
import { pauseUntil } from '../waiting.js'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** `WS_ALLOW_QUERY_TOKEN=false` is a server's good right. */
async function queryToken (scene: Scene): Promise<string> {
  const token = await scene.access()
  const opening = await scene.open({ token })
  if (opening.kind === 'refused' && opening.answer.status === 400) throw new Skip('the server takes no access token from the query')
  return token
}

async function forged (scene: Scene, forge: (parts: { header: Record<string, unknown>, claims: Record<string, unknown>, signature: string }) => string | Promise<string>): Promise<void> {
  const [header, claims, signature] = (await scene.access()).split('.') as [string, string, string]
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
  await scene.refusal(401, 'invalid_token', { access: await forge({ header: read(header), claims: read(claims), signature }) })
}

export const OPENING = inGroup('OPEN', [
  {
    sentence: 'an access token in the Authorization header opens the socket, and `connected` says for whom and until when',
    async play (scene) {
      const access = await scene.access()
      const { frames: [greeting] } = await scene.connect({ access })
      const { sub, sid } = readClaims(access)
      contains('the greeting', greeting, { type: 'connected', payload: { userId: sub, sessionId: sid, expiresAt: new Date(endOf(access)).toISOString() } })
      const { connectionId, expiresInMs, serverTime } = greeting!.payload
      holds(typeof connectionId === 'string' && connectionId.length > 0, 'a connectionId', connectionId)
      holds(typeof expiresInMs === 'number' && expiresInMs > 0, 'expiresInMs above 0', expiresInMs)
      holds(typeof serverTime === 'string' && new Date(serverTime).toISOString() === serverTime, 'serverTime as an ISO 8601 UTC string', serverTime)
    }
  },
  {
    sentence: 'an access token in the query opens the socket for the same user and session',
    async play (scene) {
      const token = await queryToken(scene)
      const { sub, sid } = readClaims(token)
      contains('the greeting', (await scene.connect({ token })).frames[0], { payload: { userId: sub, sessionId: sid } })
    }
  },
  {
    sentence: 'each socket has a connectionId of its own',
    async play (scene) {
      const ids = [await scene.member(), await scene.member()].map(({ frames: [greeting] }) => greeting!.payload['connectionId'])
      same('the number of different ids', new Set(ids).size, 2)
    }
  },
  {
    sentence: 'the case of the scheme Bearer does not matter (RFC 9110, section 11.1)',
    async play (scene) { await scene.connect({ headers: { authorization: `bEARER ${await scene.access()}` } }) }
  },
  {
    sentence: 'unknown query parameters change nothing',
    async play (scene) { await scene.member({ query: 'v=1&access=x' }) }
  },
  {
    sentence: 'access token in query and header: 400, though they are equal',
    async play (scene) {
      const access = await scene.access()
      await scene.refusal(400, 'invalid_request', { access, token: access })
    }
  },
  {
    sentence: 'two access tokens in the query: 400, though they are equal',
    async play (scene) {
      const access = await scene.access()
      await scene.refusal(400, 'invalid_request', { query: `token=${access}&token=${access}` })
    }
  },
  {
    sentence: 'two Authorization headers: 400, though they are equal',
    async play (scene) {
      const authorization: [string, string] = ['Authorization', `Bearer ${await scene.access()}`]
      same('the status', (await scene.answerTo(scene.handshake({ add: [authorization, authorization] })))?.status, 400)
    }
  },
  {
    sentence: 'two access tokens are refused to a page with 4400',
    async play (scene) {
      const access = await scene.access()
      await scene.pageRefusal(4400, { access, token: access })
    }
  },
  {
    sentence: 'a bad access token is 401 with problem details and WWW-Authenticate: Bearer, which repeat nothing of it',
    async play (scene) {
      const { headers, body } = await scene.refusal(401, 'invalid_token', { access: 'not-an-access-token' })
      holds(/^application\/problem\+json/.test(headers['content-type'] ?? ''), 'application/problem+json', headers['content-type'])
      holds(/^Bearer\b.*error="invalid_token"/.test(headers['www-authenticate'] ?? ''), 'WWW-Authenticate: Bearer error="invalid_token"', headers['www-authenticate'])
      contains('the body', body, { status: 401 })
      holds(!JSON.stringify(body).includes('not-an-access-token'), 'a body without the access token', body)
    }
  },
  {
    sentence: 'a bad access token is 4401 to a page',
    async play (scene) { await scene.pageRefusal(4401, { access: 'not-an-access-token' }) }
  },
  {
    sentence: 'an empty token parameter is a bad access token: 401',
    async play (scene) {
      await queryToken(scene)
      await scene.refusal(401, 'invalid_token', { query: 'token=' })
    }
  },
  {
    sentence: 'another scheme than Bearer is 401',
    async play (scene) { await scene.refusal(401, 'invalid_token', { headers: { authorization: `Basic ${await scene.access()}` } }) }
  },
  {
    sentence: 'a cookie is no carrier: the socket is not authenticated by it',
    async play (scene) {
      const session = await scene.signIn()
      await scene.anonymous({ headers: { cookie: `${session.cookie}; access_token=${session.access}; token=${session.access}` } })
    }
  },
  {
    sentence: 'a refresh token opens nothing: 401',
    async play (scene) { await scene.refusal(401, 'invalid_token', { access: (await scene.signIn()).cookie.replace(/^[^=]*=/, '') }) }
  },
  {
    sentence: 'an access token whose claims were changed is 401',
    async play (scene) { await forged(scene, ({ header, claims, signature }) => `${encode(header)}.${encode({ ...claims, sub: randomUUID() })}.${signature}`) }
  },
  {
    sentence: 'an access token without its signature is 401, with alg none as well',
    async play (scene) {
      await forged(scene, ({ header, claims }) => `${encode(header)}.${encode(claims)}.`)
      await forged(scene, ({ header, claims }) => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`)
    }
  },
  {
    sentence: 'the public key as an HMAC secret signs nothing: 401 (RFC 8725, section 2.1)',
    async play (scene) {
      const { body } = await scene.options.account.send('/.well-known/jwks.json', {})
      const keys = body['keys'] as JsonWebKey[]
      for (const jwk of keys) {
        const key = createPublicKey({ key: jwk, format: 'jwk' })
        for (const secret of [key.export({ type: 'spki', format: 'pem' }), key.export({ type: 'spki', format: 'der' })]) {
          await forged(scene, ({ header, claims }) => {
            const signed = `${encode({ ...header, alg: 'HS256', kid: jwk['kid'] })}.${encode(claims)}`
            return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
          })
        }
      }
    }
  },
  {
    sentence: 'a key that the access token brings along is not believed: 401',
    async play (scene) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const jwk = publicKey.export({ format: 'jwk' })
      for (const extra of [{ jwk }, { jwk, kid: 'mine' }, { jku: 'https://evil.example/jwks.json', kid: 'mine' }]) {
        await forged(scene, ({ header, claims }) => {
          const signed = `${encode({ ...header, ...extra })}.${encode(claims)}`
          return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
        })
      }
    }
  },
  {
    sentence: 'a good but expired access token is 401, and 4419 to a page',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      await pauseUntil(endOf(access))
      await scene.refusal(401, 'invalid_token', { access })
      await scene.pageRefusal(4419, { access })
    }
  },
  {
    sentence: 'the access token of a session that has ended is 401, and 4410 to a page',
    async play (scene) {
      const session = await scene.signIn()
      const witness = await scene.connect({ access: session.access })
      await session.logout()
      await witness.closesWith(4410)
      await scene.refusal(401, 'invalid_token', { access: session.access })
      await scene.pageRefusal(4410, { access: session.access })
    }
  },
  {
    sentence: 'the subprotocol auth.v1 is selected when it is offered, alone or among others',
    async play (scene) {
      same('the subprotocol', (await scene.member({ protocols: ['auth.v1'] })).socket.protocol, 'auth.v1')
      same('the subprotocol', (await scene.member({ protocols: ['other', 'auth.v1'] })).socket.protocol, 'auth.v1')
    }
  },
  {
    sentence: 'no subprotocol is selected that was not offered',
    async play (scene) {
      for (const set of [{}, { 'Sec-WebSocket-Protocol': 'other' }]) {
        const head = await scene.answerTo(await scene.memberHandshake({ set }))
        same('the status', head?.status, 101)
        same('Sec-WebSocket-Protocol', head?.headers['sec-websocket-protocol'], undefined)
      }
    }
  },
  {
    sentence: 'an access token and 8 KB of cookies pass together',
    async play (scene) { await scene.member({ headers: { cookie: `a=${'x'.repeat(4000)}; b=${'y'.repeat(4000)}` } }) }
  },
  {
    sentence: 'a refusal over HTTP is not cached',
    async play (scene) {
      const { headers } = await scene.refusal(401, 'invalid_token', { access: 'x' })
      oneOf('Cache-Control', headers['cache-control'], ['no-store', 'no-store, max-age=0'])
    }
  }
])
