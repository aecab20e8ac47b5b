import { randomUUID } from 'node:crypto'
import t from 'tap'
import { RevocationSet } from '../src/revocation-set.js'
import { VerifiedTokens } from '../src/verified-tokens.js'
import { createTestKeys, mintAccessToken } from './fixtures/access-tokens.js'
import { createTestVerifier } from './fixtures/verifier.js'

const keys = await createTestKeys()

async function createTokens (options: { maximum?: number, now?: () => number } = {}) {
  const real = await createTestVerifier(keys, options.now ? { now: options.now } : {})
  let verifications = 0
  const revocations = new RevocationSet({ accessTokenLifetimeMs: 900_000 })
  const tokens = new VerifiedTokens({ verify: token => { verifications += 1; return real(token) }, revocations, ...options })
  return { tokens, revocations, count: () => verifications }
}

t.test('a token is verified once and belongs to nobody else', async t => {
  const { tokens, count } = await createTokens()
  const minted = await Promise.all(Array.from({ length: 20 }, async () => {
    const sub = randomUUID()
    return { sub, accessToken: await mintAccessToken(keys, { sub }) }
  }))
  for (let round = 0; round < 50; round++) {
    for (const { sub, accessToken } of minted) {
      const verification = await tokens.verify(accessToken)
      if (verification.kind !== 'verified' || verification.principal.subject !== sub) t.fail('the answer for another token')
    }
  }
  t.equal(count(), minted.length)
  t.equal(tokens.lookUp(minted[0]!.accessToken)?.subject, minted[0]!.sub)
})

t.test('what was refused is not remembered, nor is a token that differs in one character', async t => {
  const { tokens, count } = await createTokens()
  const accessToken = await mintAccessToken(keys)
  await tokens.verify(accessToken)
  const changed = `${accessToken.slice(0, -10)}${accessToken.at(-10) === 'A' ? 'B' : 'A'}${accessToken.slice(-9)}`
  for (let i = 0; i < 3; i++) t.equal((await tokens.verify(changed)).kind, 'refused')
  t.equal(tokens.lookUp(changed), undefined)
  t.equal(count(), 4)
})

t.test('a token leaves with its exp, to the millisecond', async t => {
  let now = Date.now()
  const { tokens } = await createTokens({ now: () => now })
  const exp = Math.floor(now / 1000) + 100
  const accessToken = await mintAccessToken(keys, { exp })
  await tokens.verify(accessToken)
  now = exp * 1000 - 1
  t.ok(tokens.lookUp(accessToken))
  now = exp * 1000
  t.equal(tokens.lookUp(accessToken), undefined)
  t.equal((await tokens.verify(accessToken)).kind, 'expired')
  t.equal(tokens.size, 0)
})

t.test('the end of a session empties its tokens and no others', async t => {
  const { tokens, revocations } = await createTokens()
  const sid = randomUUID()
  const ended = [await mintAccessToken(keys, { sid }), await mintAccessToken(keys, { sid, rg: 1 })]
  const other = await mintAccessToken(keys)
  for (const accessToken of [...ended, other]) await tokens.verify(accessToken)
  revocations.apply({ sid, sub: randomUUID(), reason: 'logout', revokedAt: Date.now() })
  for (const accessToken of ended) t.equal(tokens.lookUp(accessToken), undefined)
  t.ok(tokens.lookUp(other))
})

t.test('a change of the keys empties everything, also what was being verified meanwhile', async t => {
  const { tokens } = await createTokens()
  const [done, underway] = [await mintAccessToken(keys), await mintAccessToken(keys)]
  await tokens.verify(done)
  const pending = tokens.verify(underway)
  tokens.forgetAll()
  t.equal((await pending).kind, 'verified')
  t.equal(tokens.size, 0)
  t.equal(tokens.lookUp(underway), undefined)
})

t.test('it holds no more than it may', async t => {
  const { tokens, revocations } = await createTokens({ maximum: 10 })
  const sid = randomUUID()
  for (let i = 0; i < 30; i++) await tokens.verify(await mintAccessToken(keys, { sid, rg: i }))
  t.equal(tokens.size, 10)
  revocations.apply({ sid, sub: randomUUID(), reason: 'logout', revokedAt: Date.now() })
  t.equal(tokens.size, 0)
})
