import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { base64url, createTestKeys, goodHeader, mintAccessToken, signCompact } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import { askApi, askSocketServer, goodAccessToken } from './access-token-verdicts.js'
import type { Case } from './case.js'
import { inParallel } from './in-parallel.js'
import { publicPart } from './public-part.js'

export const cases: Case[] = [
  {
    title: 'an access token says what is documented and nothing personal',
    ids: ['JW-12', 'KY-02'],
    async run (t, door) {
      const account = await door.createAccount()
      const { accessToken } = await door.signIn(account)
      const claims = decodeJwt(accessToken)
      t.strictSame(Object.keys(claims).sort(), ['amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'rg', 'sid', 'sub'])
      t.match(claims, { sub: account.id, amr: ['pwd'], rg: 0, exp: claims.iat! + 900 })
      const { kid, ...header } = decodeProtectedHeader(accessToken)
      t.strictSame(header, { alg: 'RS256', typ: 'at+jwt' })
      t.equal(kid, (await goodAccessToken(door)).keys.kid, 'the thumbprint of the key')
      const text = accessToken.split('.').slice(0, 2).map(segment => Buffer.from(segment, 'base64url').toString()).join()
      for (const personal of [account.username, account.email, account.password]) t.notOk(text.includes(personal))
    }
  },
  {
    title: 'what may differ between good access tokens is accepted by the API and by sockets alike, with the same identity',
    ids: ['JW-08', 'JW-11', 'JW-18'],
    async run (t, door) {
      const [{ keys, claims }, other] = [await goodAccessToken(door), await door.createAccount()]
      const text = JSON.stringify(claims)
      const good: Record<string, string> = {
        'a list of audiences': await mintAccessToken(keys, { ...claims, aud: ['another', String(claims['aud'])] }),
        'more claims': await mintAccessToken(keys, { ...claims, role: 'admin', scope: '*' }),
        'sub twice, the user\'s own last': signCompact(keys, goodHeader(keys), text.replace('{', `{"sub":"${other.id}",`)),
        'alg twice, the right one last': signCompact(keys, goodHeader(keys).replace('{', '{"alg":"none",'), text)
      }
      for (const [name, accessToken] of Object.entries(good)) {
        const answer = await askApi(door, accessToken)
        t.match({ status: answer.status, ...answer.json() }, { status: 200, user: { id: claims['sub'] }, session: { id: claims['sid'] } }, name)
        const socket = await door.connect({ headers: { authorization: `Bearer ${accessToken}` } })
        t.match(await socket.frame('connected'), { type: 'connected', payload: { userId: claims['sub'], sessionId: claims['sid'] } }, name)
        await socket.leave()
      }
    }
  },
  {
    title: 'an access token that has expired is refused by HTTP like any other; a page is told to renew it',
    ids: ['JW-09', 'JW-17'],
    async run (t, door) {
      const { keys, claims } = await goodAccessToken(door)
      const now = Number(claims['iat'])
      for (const life of [{ iat: now - 900, exp: now }, { iat: now - 90_000, exp: now - 89_100 }, { iat: 0, exp: 1 }]) {
        const accessToken = await mintAccessToken(keys, { ...claims, ...life })
        for (const ask of [askApi, askSocketServer]) t.strictSame(publicPart(await ask(door, accessToken)), publicPart(await ask(door, 'rubbish')))
        const socket = await door.connect()
        socket.say({ type: 'auth', access: accessToken })
        t.match(await socket.closed, { code: 4419 })
      }
    }
  },
  {
    title: 'keys that a token brings or names are neither used nor fetched',
    ids: ['JW-03'],
    async run (t, door) {
      let connections = 0
      const server = createServer(socket => {
        connections += 1
        socket.destroy()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.teardown(() => server.close())
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
      const { keys, claims } = await goodAccessToken(door)
      const stranger = await createTestKeys()
      const jwk = createPublicKey(stranger.publicPem).export({ format: 'jwk' })
      for (const kid of [stranger.kid, keys.kid, url]) {
        for (const source of [{ jwk }, { jku: url }, { x5u: url }, { x5c: [base64url(stranger.publicPem)] }, {}]) {
          const accessToken = await mintAccessToken(stranger, claims, { kid, ...source })
          for (const ask of [askApi, askSocketServer]) t.equal((await ask(door, accessToken)).status, 401)
        }
        t.equal((await askApi(door, await mintAccessToken(stranger, { ...claims, iss: url }, { kid }))).status, 401, 'nor those of an issuer that a token names')
      }
      t.equal(connections, 0)
    }
  },
  {
    title: 'a thousand unknown kids: each is refused, nobody asks for the key set',
    ids: ['JW-04'],
    async run (t, door) {
      const { claims } = await goodAccessToken(door)
      const before = door.nginx.accessLog().length
      const kids = Array.from({ length: 1000 }, (_, i) => `unknown-${i}`)
      const statuses = new Set<number>()
      await inParallel(8, kids, async kid => {
        const accessToken = `${base64url(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid }))}.${base64url(JSON.stringify(claims))}.${'A'.repeat(342)}`
        const api = door.apis[Number(kid.slice(8)) % door.apis.length]!
        statuses.add((await fetch(`http://127.0.0.1:${api.port}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })).status)
      })
      t.strictSame([...statuses], [401])
      t.notOk(door.nginx.accessLog().slice(before).some(({ path }) => String(path).includes('jwks')))
      for (const { output } of [...door.apis, ...door.sockets]) t.notOk(/"path":"[^"]*jwks/.test(output().slice(-500_000)))
    }
  }
]
