import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createTestKeys, goodClaims, goodHeader, mintAccessToken, signCompact } from './fixtures/access-tokens.js'
import { malformedGenerationsAndMethods, malformedIdentifiers, malformedInstants, missingClaims, otherParties, repeatedClaims, wrongLifetimes } from './fixtures/flawed-access-tokens/claims.js'
import type { FlawedAccessToken } from './fixtures/flawed-access-tokens/flawed-access-token.js'
import { createTestVerifier } from './fixtures/verifier.js'

const NOW = 1_800_000_000
const keys = await createTestKeys()
const verify = await createTestVerifier(keys, { now: () => NOW * 1000 })
const timely = { iat: NOW, exp: NOW + 900, auth_time: NOW }
const good = { keys, claims: { ...goodClaims(), ...timely } }

const verifyClaims = async (claims: Record<string, unknown>) => await verify(await mintAccessToken(keys, { ...timely, ...claims }))
/** The payload's text with one member's value replaced by any JSON text. */
const verifyText = async (name: string, value: string) => {
  const claims = JSON.stringify({ ...goodClaims(), ...timely, [name]: '@' })
  return await verify(signCompact(keys, goodHeader(keys), claims.replace('"@"', value)))
}
const refused = (reason: string) => ({ kind: 'refused', reason })

const allRefused = async (t: Test, flawed: FlawedAccessToken[]) => {
  for (const { flaw, accessToken, reason } of flawed) t.strictSame(await verify(accessToken), refused(reason), flaw)
}

t.test('every required claim is required', async t => {
  t.match(await verifyClaims({}), { kind: 'verified' })
  await allRefused(t, missingClaims(good))
})

t.test('identifiers have one fixed form', t => allRefused(t, malformedIdentifiers(good)))

t.test('instants are whole, finite, in seconds', async t => {
  await allRefused(t, malformedInstants(good))
  t.match(await verifyText('exp', '18000009e2'), { kind: 'verified' }, 'the same number in another notation')
})

t.test('generation and methods', async t => {
  await allRefused(t, malformedGenerationsAndMethods(good))
  t.match(await verifyClaims({ rg: 2_147_483_647 }), { kind: 'verified', principal: { refreshGeneration: 2_147_483_647 } })
  t.match(await verifyClaims({ amr: ['pwd', 'otp'] }), { kind: 'verified', principal: { amr: ['pwd', 'otp'] } })
})

t.test('issuer and audience: the exact string, the audience also in a list', async t => {
  await allRefused(t, otherParties(good))
  for (const aud of [['fastify-uws-auth'], ['other', 'fastify-uws-auth']]) t.match(await verifyClaims({ aud }), { kind: 'verified' }, JSON.stringify(aud))
})

t.test('exp has no tolerance', async t => {
  const sid = randomUUID()
  const claims = { iat: NOW - 900, exp: NOW, sid }
  const token = await mintAccessToken(keys, claims)
  t.match(await verify(token), { kind: 'expired', principal: { sessionId: sid, expiresAt: NOW } }, 'zero seconds late')
  const before = await createTestVerifier(keys, { now: () => NOW * 1000 - 1 })
  t.match(await before(token), { kind: 'verified' }, 'a millisecond early')
  t.match(await verifyClaims({ iat: NOW - 90_000, exp: NOW - 89_990 }), { kind: 'expired' }, 'a day late')
  t.match(await verifyClaims({ iat: 0, exp: 1 }), { kind: 'expired' }, 'half a century late')
})

t.test('nothing but exp may be wrong with an expired token', async t => {
  const late = { iat: NOW - 1000, exp: NOW - 100 }
  t.strictSame(await verifyClaims({ ...late, iss: 'other' }), refused('issuer'))
  t.strictSame(await verifyClaims({ ...late, aud: 'other' }), refused('audience'))
  t.strictSame(await verifyClaims({ ...late, sub: 1 }), refused('claims'))
  t.strictSame(await verifyClaims({ iat: NOW - 1001, exp: NOW - 100 }), refused('time'))
  const stranger = await createTestKeys()
  t.strictSame(await verify(await mintAccessToken(stranger, { ...timely, ...late }, { kid: keys.kid })), refused('signature'))
})

t.test('a life is no longer than the setting, and goes forward', async t => {
  t.match(await verifyClaims({ iat: NOW, exp: NOW + 900 }), { kind: 'verified' })
  await allRefused(t, wrongLifetimes(good))
})

t.test('nothing starts more than a minute ahead', async t => {
  t.match(await verifyClaims({ iat: NOW + 60, exp: NOW + 900 }), { kind: 'verified' })
  t.strictSame(await verifyClaims({ iat: NOW + 61, exp: NOW + 900 }), refused('time'))
  t.match(await verifyClaims({ nbf: NOW + 60 }), { kind: 'verified' })
  t.strictSame(await verifyClaims({ nbf: NOW + 61 }), refused('time'))
})

t.test('of a repeated claim the last counts', async t => {
  const [first, last] = [randomUUID(), randomUUID()]
  const claims = JSON.stringify({ sub: first, ...goodClaims(), ...timely, sid: undefined }).replace('}', `,"sid":"${first}","sid":"${last}"}`)
  t.match(await verify(signCompact(keys, goodHeader(keys), claims)), { kind: 'verified', principal: { sessionId: last } })
  await allRefused(t, repeatedClaims(good))
})

t.test('claims beyond ours are carried along unread', async t => {
  const verification = await verifyClaims({ role: 'admin', scope: '*', subject: 'somebody' })
  t.strictSame('principal' in verification && Object.keys(verification.principal).sort(), ['amr', 'authTime', 'expiresAt', 'issuedAt', 'issuer', 'keyId', 'refreshGeneration', 'sessionId', 'subject'])
})
