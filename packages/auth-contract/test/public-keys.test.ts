import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { importPublicKeys, openPublicKeys, PUBLICATION_MS, toJwks } from '../src/public-keys.js'
import { StartupError } from '../src/startup-error.js'
import { createTestKeys, mintAccessToken } from './fixtures/access-tokens.js'
import { createTestVerifier } from './fixtures/verifier.js'

const [older, newer] = [await createTestKeys(), await createTestKeys()]
const pair = (bits: number, publicExponent = 65537) => generateKeyPairSync('rsa', { modulusLength: bits, publicExponent })
const log = { info () {}, error () {} }
const open = (path: string) => openPublicKeys({ path, accessTokenLifetimeMs: 900_000, log })
const pemOf = (key: ReturnType<typeof pair>['publicKey']) => key.export({ format: 'pem', type: 'spki' }).toString()

t.test('kid is the thumbprint of RFC 7638', async t => {
  // Section 3.1 of that document prints this key and this thumbprint.
  const n = '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
    'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI' +
    'SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const pem = pemOf(createPublicKey({ key: { kty: 'RSA', e: 'AQAB', n }, format: 'jwk' }))
  const keys = await importPublicKeys(pem)
  t.strictSame([...keys.byKid.keys()], ['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'])
  t.strictSame(toJwks(keys, Date.now()), { keys: [{ kty: 'RSA', n, e: 'AQAB', kid: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', use: 'sig', alg: 'RS256' }] })
})

t.test('what is published has public members only', async t => {
  const jwks = toJwks(await importPublicKeys(older.publicPem + newer.publicPem), Date.now())
  t.strictSame(jwks.keys.map(({ kid }) => kid), [older.kid, newer.kid])
  for (const jwk of jwks.keys) {
    t.strictSame(Object.keys(jwk).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
    const { kty, n, e } = jwk
    t.equal(await calculateJwkThumbprint({ kty, n, e }), jwk.kid)
  }
})

t.test('every key of the bundle verifies, under its own kid alone', async t => {
  const verify = await createTestVerifier(older, { keys: await importPublicKeys(`${older.publicPem}\n# the next one\n${newer.publicPem}`) })
  t.match(await verify(await mintAccessToken(older)), { kind: 'verified' })
  t.match(await verify(await mintAccessToken(newer)), { kind: 'verified' })
  t.strictSame(await verify(await mintAccessToken(older, {}, { kid: newer.kid })), { kind: 'refused', reason: 'signature' })
  const afterDrop = await createTestVerifier(newer)
  t.strictSame(await afterDrop(await mintAccessToken(older)), { kind: 'refused', reason: 'unknown_key' })
})

t.test('an older key is retired one access-token life after its successor began to sign', async t => {
  const created = Date.parse('2026-01-01T00:00:00Z')
  const lifetime = 900_000
  const bundle = `${older.publicPem}\nCreated: ${new Date(created).toISOString()}\n${newer.publicPem}`
  const keys = await importPublicKeys(bundle, lifetime)
  const { retiredAt } = keys.byKid.get(older.kid)!
  t.ok(retiredAt > created + PUBLICATION_MS + lifetime, 'everything it signed has expired before')
  t.equal(keys.byKid.get(newer.kid)!.retiredAt, Infinity)
  t.strictSame(toJwks(keys, retiredAt - 1).keys.map(({ kid }) => kid), [older.kid, newer.kid])
  t.strictSame(toJwks(keys, retiredAt).keys.map(({ kid }) => kid), [newer.kid])

  const at = (now: number) => createTestVerifier(older, { keys, now: () => now })
  const iat = Math.floor(retiredAt / 1000) - 60
  const accessToken = await mintAccessToken(older, { iat, exp: iat + 900 })
  t.match(await (await at(retiredAt - 1))(accessToken), { kind: 'verified' })
  t.strictSame(await (await at(retiredAt))(accessToken), { kind: 'refused', reason: 'unknown_key' })
})

t.test('line ends, comments and blank lines do not matter', async t => {
  const texts = [older.publicPem.replaceAll('\n', '\r\n'), older.publicPem.trimEnd(), `\n\nCreated: 2026-01-01T00:00:00Z\n${older.publicPem}\n\n`, `\ufeff${older.publicPem}`]
  for (const text of texts) t.strictSame([...(await importPublicKeys(text)).byKid.keys()], [older.kid])
})

t.test('a bundle with a mistake stops the process, with a sentence that names the setting', async t => {
  const folder = t.testdir()
  const { publicKey: ecKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { publicKey: edKey } = generateKeyPairSync('ed25519')
  const { publicKey: pssKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  const privateKey = createPrivateKey(older.privatePem)
  const body = older.publicPem.split('\n').slice(1, -2)
  const mislabelled = older.privatePem.replaceAll('PRIVATE KEY', 'PUBLIC KEY')
  const bundles: Record<string, [string, RegExp]> = {
    'an empty file': ['', /no PEM block/],
    whitespace: [' \n\n', /no PEM block/],
    garbage: ['\0\x01garbage', /no PEM block/],
    'a JWK set': [JSON.stringify({ keys: [] }), /no PEM block/],
    'a private key': [older.privatePem, /found PRIVATE KEY/],
    'a private key behind a public one': [older.publicPem + newer.privatePem, /found PRIVATE KEY/],
    'a private key of the old form': [privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(), /found RSA PRIVATE KEY/],
    'an encrypted private key': [older.publicPem + privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(), /found ENCRYPTED PRIVATE KEY/],
    'an encrypted private key of the old form': [older.publicPem + privateKey.export({ format: 'pem', type: 'pkcs1', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(), /damaged/],
    'a private key labelled as public': [mislabelled, /./],
    'a public key of the old form': [createPublicKey(older.publicPem).export({ format: 'pem', type: 'pkcs1' }).toString(), /found RSA PUBLIC KEY/],
    'a certificate': [older.publicPem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /found CERTIFICATE/],
    'an EC key': [ecKey.export({ format: 'pem', type: 'spki' }).toString(), /only RSA/],
    'an Ed25519 key': [edKey.export({ format: 'pem', type: 'spki' }).toString(), /only RSA/],
    'an RSA-PSS key': [pssKey.export({ format: 'pem', type: 'spki' }).toString(), /only RSA/],
    '1024 bits': [pemOf(pair(1024).publicKey), /1024-bit key is too weak/],
    '2040 bits': [pemOf(pair(2040).publicKey), /2040-bit key is too weak/],
    'one weak key among good ones': [older.publicPem + pemOf(pair(1024).publicKey) + newer.publicPem, /too weak/],
    'exponent 3': [pemOf(pair(2048, 3).publicKey), /exponent/],
    'exponent 1': [pemOf(createPublicKey({ key: { kty: 'RSA', e: 'AQ', n: createPublicKey(older.publicPem).export({ format: 'jwk' }).n! }, format: 'jwk' })), /exponent/],
    'the same key twice': [older.publicPem + newer.publicPem + older.publicPem, new RegExp(`${older.kid} appears twice`)],
    'a block cut short': [older.publicPem + newer.publicPem.slice(0, -40), /damaged/],
    'a block without its first line': [body.join('\n') + '\n-----END PUBLIC KEY-----\n', /no PEM block/],
    'an unknown character in a block': [older.publicPem + newer.publicPem.replace('A', '!'), /damaged/],
    'a block of valid base64 and nothing else': ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /./],
    'a block with lines missing': [['-----BEGIN PUBLIC KEY-----', ...body.slice(0, -2), '-----END PUBLIC KEY-----', ''].join('\n'), /./]
  }
  for (const [name, [content, sentence]] of Object.entries(bundles)) {
    const path = join(folder, 'public.pem')
    await writeFile(path, content)
    const err = await open(path).then(() => undefined, (err: Error) => err)
    t.ok(err instanceof StartupError, name)
    t.match(err?.message, new RegExp(`^PUBLIC_KEY_PATH: ${path}: .*${sentence.source}`), name)
    t.notMatch(err?.message, body[1]!, 'no key material in it')
    t.equal(err?.message.split('\n').length, 1, 'one line')
    await rm(path)
  }
})

t.test('a file that cannot be read is named, with what to do', async t => {
  const folder = t.testdir()
  await t.rejects(open(join(folder, 'none.pem')), { name: 'StartupError', message: /^PUBLIC_KEY_PATH: .*none\.pem \(ENOENT\).*generate-keys/ })
  await t.rejects(open(folder), { name: 'StartupError', message: /^PUBLIC_KEY_PATH: .*\(EISDIR\)/ })
})
