import { createHmac, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { base64url, createTestKeys, goodClaims, goodHeader, mintAccessToken, signCompact } from './fixtures/access-tokens.js'
import { createTestVerifier } from './fixtures/verifier.js'

const keys = await createTestKeys()
const stranger = await createTestKeys()
const verify = await createTestVerifier(keys)
const publicJwk = createPublicKey(keys.publicPem).export({ format: 'jwk' })
const strangerJwk = createPublicKey(stranger.publicPem).export({ format: 'jwk' })

/** Signed by our own key, so that nothing but the header can be the reason to refuse. */
function withHeader (members: Record<string, unknown>): string {
  return signCompact(keys, JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: keys.kid, ...members }), JSON.stringify(goodClaims()))
}

t.test('only the one algorithm, in its one spelling', async t => {
  for (const alg of ['none', 'None', 'nOnE', 'NONE', '', ' RS256', 'RS256 ', 'rs256', 'Rs256', 'RS384', 'RS512', 'PS256', 'PS384', 'ES256', 'EdDSA',
    'HS256', 'HS512', 'RSA-OAEP', 'dir', ['RS256'], { toString: 'RS256' }, null, true, 256, undefined]) {
    t.strictSame(await verify(withHeader({ alg })), { kind: 'refused', reason: 'header' }, `alg ${JSON.stringify(alg)}`)
  }
})

t.test('alg none, unsigned or with anything for a signature', async t => {
  for (const alg of ['none', 'None', 'nOnE', 'NONE']) {
    const unsigned = `${base64url(JSON.stringify({ alg, typ: 'at+jwt', kid: keys.kid }))}.${base64url(JSON.stringify(goodClaims()))}`
    t.strictSame(await verify(`${unsigned}.`), { kind: 'refused', reason: 'malformed' })
    t.strictSame(await verify(unsigned), { kind: 'refused', reason: 'malformed' })
    t.strictSame(await verify(`${unsigned}.AA`), { kind: 'refused', reason: 'header' })
  }
})

t.test('the public key is no shared secret', async t => {
  const secrets: Record<string, string | Buffer | KeyObject> = {
    PEM: keys.publicPem,
    'PEM without its last line feed': keys.publicPem.trimEnd(),
    'PEM behind a space': ` ${keys.publicPem}`,
    'PEM with CRLF': keys.publicPem.replaceAll('\n', '\r\n'),
    DER: createPublicKey(keys.publicPem).export({ format: 'der', type: 'spki' }),
    'PKCS#1 DER': createPublicKey(keys.publicPem).export({ format: 'der', type: 'pkcs1' }),
    JWK: JSON.stringify(publicJwk),
    modulus: Buffer.from(publicJwk.n!, 'base64url'),
    'modulus as text': publicJwk.n!,
    kid: keys.kid,
    nothing: ''
  }
  for (const [name, secret] of Object.entries(secrets)) {
    for (const [alg, hash] of [['HS256', 'sha256'], ['HS384', 'sha384'], ['RS256', 'sha256']] as const) {
      const signingInput = `${base64url(JSON.stringify({ alg, typ: 'at+jwt', kid: keys.kid }))}.${base64url(JSON.stringify(goodClaims()))}`
      const token = `${signingInput}.${createHmac(hash, secret).update(signingInput).digest('base64url')}`
      t.strictSame(await verify(token), { kind: 'refused', reason: alg === 'RS256' ? 'signature' : 'header' }, `${alg}, ${name}`)
    }
  }
})

t.test('only the type of access tokens', async t => {
  for (const typ of [undefined, null, '', 'JWT', 'jwt', 'AT+JWT', 'at+JWT', 'application/at+jwt', 'at+jwt ', 'at', 'dpop+jwt', 'logout+jwt', ['at+jwt'], 1]) {
    t.strictSame(await verify(withHeader({ typ })), { kind: 'refused', reason: 'header' }, `typ ${JSON.stringify(typ)}`)
  }
})

t.test('no header member beside the three', async t => {
  const members: Record<string, unknown> = {
    crit: ['exp'],
    b64: true,
    jwk: strangerJwk,
    jku: 'https://attacker.example/jwks.json',
    x5u: 'https://attacker.example/chain.pem',
    x5c: ['MIIB'],
    x5t: 'AAAA',
    'x5t#S256': 'AAAA',
    cty: 'JWT',
    zip: 'DEF',
    enc: 'A256GCM',
    epk: {},
    nonce: 'abc',
    url: 'https://attacker.example',
    iss: 'fastify-uws-auth',
    extra: null,
    constructor: 1,
    '': 1
  }
  for (const [name, value] of Object.entries(members)) {
    t.strictSame(await verify(withHeader({ [name]: value })), { kind: 'refused', reason: 'header' }, name)
  }
  for (const crit of [[], ['b64'], ['unknown'], ['kid'], null, 'exp', {}]) {
    t.strictSame(await verify(withHeader({ crit, b64: false })), { kind: 'refused', reason: 'header' }, `crit ${JSON.stringify(crit)}`)
  }
  const polluting = `{"__proto__":{"typ":"at+jwt"},"alg":"RS256","kid":"${keys.kid}"}`
  t.strictSame(await verify(signCompact(keys, polluting, JSON.stringify(goodClaims()))), { kind: 'refused', reason: 'header' })
})

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

t.test('kid is looked up by exact match and nothing else stands in', async t => {
  for (const kid of [stranger.kid, '', ' ', `${keys.kid} `, keys.kid.toLowerCase(), keys.kid.slice(0, -1), '__proto__', 'constructor', 'prototype', 'toString',
    'hasOwnProperty', 'size', 'get', '0', '../../../../dev/null', '/dev/null', "' OR 1=1 --", '| sleep 5', '\0', 'x'.repeat(4096)]) {
    t.strictSame(await verify(withHeader({ kid })), { kind: 'refused', reason: 'unknown_key' }, `kid ${JSON.stringify(kid).slice(0, 40)}`)
  }
  for (const kid of [undefined, null, 0, 1, true, [keys.kid], { 0: keys.kid }]) {
    t.strictSame(await verify(withHeader({ kid })), { kind: 'refused', reason: 'header' }, `kid ${JSON.stringify(kid)}`)
  }
  t.strictSame(await verify(withHeader({ kid: 'x'.repeat(10_240) })), { kind: 'refused', reason: 'malformed' })
})

t.test('of a repeated header member the last counts, for our reading and the library\'s alike', async t => {
  const claims = JSON.stringify(goodClaims())
  const good = goodHeader(keys)
  t.strictSame(await verify(signCompact(keys, good.replace('}', ',"alg":"none"}'), claims)), { kind: 'refused', reason: 'header' })
  t.strictSame(await verify(signCompact(keys, good.replace('}', ',"typ":"JWT"}'), claims)), { kind: 'refused', reason: 'header' })
  t.strictSame(await verify(signCompact(keys, good.replace('}', ',"kid":"other"}'), claims)), { kind: 'refused', reason: 'unknown_key' })
  t.strictSame(await verify(signCompact(keys, good.replace('}', ',"\\u0061lg":"HS256"}'), claims)), { kind: 'refused', reason: 'header' })
  t.match(await verify(signCompact(keys, good.replace('{', '{"alg":"none",'), claims)), { kind: 'verified' })
})

t.test('other algorithms of the same or another key, under our header', async t => {
  const signingInput = `${base64url(goodHeader(keys))}.${base64url(JSON.stringify(goodClaims()))}`
  const data = Buffer.from(signingInput)
  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { privateKey: ed25519 } = generateKeyPairSync('ed25519')
  const signatures: Record<string, Buffer> = {
    RS384: sign('RSA-SHA384', data, keys.privatePem),
    RS512: sign('RSA-SHA512', data, keys.privatePem),
    'RSA with SHA-1': sign('RSA-SHA1', data, keys.privatePem),
    PS256: sign('RSA-SHA256', data, { key: keys.privatePem, padding: 6, saltLength: 32 }),
    ES256: sign('SHA256', data, { key: ec, dsaEncoding: 'ieee-p1363' }),
    EdDSA: sign(null, data, ed25519),
    'another RSA key': sign('RSA-SHA256', data, stranger.privatePem)
  }
  for (const [name, signature] of Object.entries(signatures)) {
    t.strictSame(await verify(`${signingInput}.${base64url(signature)}`), { kind: 'refused', reason: 'signature' }, name)
  }
})
