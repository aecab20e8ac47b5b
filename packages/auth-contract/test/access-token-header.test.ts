import { createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { base64url, createTestKeys, goodClaims, goodHeader, mintAccessToken, signCompact } from './fixtures/access-tokens.js'
import type { FlawedAccessToken } from './fixtures/flawed-access-tokens/flawed-access-token.js'
import { moreHeaderMembers, otherAlgorithms, otherKids, otherTypes, publicKeyAsSecret, repeatedHeaderMembers } from './fixtures/flawed-access-tokens/headers.js'
import { otherSignatures } from './fixtures/flawed-access-tokens/signatures.js'
import { createTestVerifier } from './fixtures/verifier.js'

const keys = await createTestKeys()
const stranger = await createTestKeys()
const verify = await createTestVerifier(keys)
const good = { keys, claims: goodClaims() }
const strangerJwk = createPublicKey(stranger.publicPem).export({ format: 'jwk' })

const refused: Record<string, FlawedAccessToken[]> = {
  'only the one algorithm, in its one spelling': otherAlgorithms(good),
  'the public key is no shared secret': publicKeyAsSecret(good),
  'only the type of access tokens': otherTypes(good),
  'no header member beside the three': moreHeaderMembers(good, stranger),
  'kid is looked up by exact match and nothing else stands in': otherKids(good, stranger),
  'other algorithms of the same or another key, under our header': otherSignatures(good, stranger)
}
for (const [title, flawed] of Object.entries(refused)) {
  t.test(title, async t => {
    for (const { flaw, accessToken, reason } of flawed) t.strictSame(await verify(accessToken), { kind: 'refused', reason }, flaw)
  })
}

t.test('an embedded or referenced key is neither used nor fetched', async t => {
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end(JSON.stringify({ keys: [{ ...strangerJwk, kid: stranger.kid }] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const jku = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
  for (const kid of [stranger.kid, keys.kid, jku]) {
    for (const header of [{ kid, jwk: strangerJwk }, { kid, jku }, { kid, x5u: jku }, { kid, x5c: [base64url(stranger.publicPem)] }]) {
      t.match(await verify(await mintAccessToken(stranger, {}, header)), { kind: 'refused' })
    }
  }
  t.equal(requests, 0)
})

t.test('of a repeated header member the last counts, for our reading and the library\'s alike', async t => {
  for (const { flaw, accessToken, reason } of repeatedHeaderMembers(good)) t.strictSame(await verify(accessToken), { kind: 'refused', reason }, flaw)
  t.match(await verify(signCompact(keys, goodHeader(keys).replace('{', '{"alg":"none",'), JSON.stringify(goodClaims()))), { kind: 'verified' })
})
