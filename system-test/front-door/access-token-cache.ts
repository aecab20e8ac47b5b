import { decodeJwt } from 'jose'
import { otherSpelling } from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/forms.js'
import { askApi, askSocketServer } from './access-token-verdicts.js'
import type { Case } from './case.js'
import { untilRefusedEverywhere } from './everywhere.js'
import { inParallel } from './in-parallel.js'

const REQUESTS_EACH = 500

export const cases: Case[] = [
  {
    title: 'two users, a thousand interleaved requests: each is always told of themselves, and a logout holds although the token is remembered',
    ids: ['JW-14', 'RT-07'],
    async run (t, door) {
      const users = [await door.signIn(), await door.signIn()].map(signedIn => ({ ...signedIn, claims: decodeJwt(signedIn.accessToken) }))
      const turns = Array.from({ length: 2 * REQUESTS_EACH }, (_, i) => ({ user: users[i % 2]!, api: door.apis[(i >> 1) % door.apis.length]! }))
      let confused = 0
      await inParallel(16, turns, async ({ user: { accessToken, claims }, api }) => {
        const response = await fetch(`http://127.0.0.1:${api.port}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
        const { user, session } = await response.json() as { user: { id: string }, session: { id: string } }
        if (response.status !== 200 || user.id !== claims.sub || session.id !== claims['sid']) confused += 1
      })
      t.equal(confused, 0)
      const [leaves, stays] = users as [typeof users[0], typeof users[0]]
      t.equal((await door.request('/api/logout', { method: 'POST', headers: { cookie: leaves.cookie } })).status, 204)
      await untilRefusedEverywhere(door, leaves.accessToken)
      t.match((await askApi(door, stays.accessToken)).json(), { user: { id: stays.claims.sub } })
    }
  },
  {
    title: 'after a logout no spelling of the access token opens anything, nor did another spelling before',
    ids: ['JW-13'],
    async run (t, door) {
      const { accessToken, cookie } = await door.signIn()
      const [header, payload, signature] = accessToken.split('.') as [string, string, string]
      const spellings = [`${header}.${payload}.${otherSpelling(signature)}`, `${accessToken}=`, `${accessToken}==`, `${header}.${otherSpelling(payload)}.${signature}`]
      t.same(Buffer.from(otherSpelling(signature), 'base64url'), Buffer.from(signature, 'base64url'), 'the same bytes')
      const refused = async () => {
        for (const spelling of spellings) for (const ask of [askApi, askSocketServer]) t.equal((await ask(door, spelling)).status, 401)
      }
      t.equal((await askApi(door, accessToken)).status, 200)
      await refused()
      t.equal((await door.request('/api/logout', { method: 'POST', headers: { cookie } })).status, 204)
      await untilRefusedEverywhere(door, accessToken)
      await refused()
    }
  }
]
