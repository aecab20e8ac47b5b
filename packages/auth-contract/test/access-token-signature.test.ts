import { constants, createHash, createPublicKey, privateEncrypt } from 'node:crypto'
import t from 'tap'
import { base64url, createTestKeys, goodClaims, goodHeader, mintAccessToken } from './fixtures/access-tokens.js'
import { createTestVerifier } from './fixtures/verifier.js'

// Signatures that are right but for one detail of the encoding (RFC 8017, section 9.2). Verifiers that parse the
// encoding instead of comparing it accept some of them.
const keys = await createTestKeys()
const verify = await createTestVerifier(keys)
const signingInput = `${base64url(goodHeader(keys))}.${base64url(JSON.stringify(goodClaims()))}`
const KEY_BYTES = 256
const digest = createHash('sha256').update(signingInput).digest()
const DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')

/** The private-key operation on exactly these bytes. */
function signBlock (block: Buffer): Buffer {
  return privateEncrypt({ key: keys.privatePem, padding: constants.RSA_NO_PADDING }, block)
}

interface Encoding { lead?: Buffer, filler?: number, separator?: Buffer, info?: Buffer, hash?: Buffer, trailing?: Buffer, padding?: number }

/** 00 01 FF…FF 00 DigestInfo, with the parts given in place of the right ones. */
function encode ({ lead = Buffer.from([0, 1]), filler = 0xff, separator = Buffer.from([0]), info = DIGEST_INFO, hash = digest, trailing = Buffer.alloc(0), padding }: Encoding): Buffer {
  const rest = Buffer.concat([separator, info, hash])
  const length = padding ?? KEY_BYTES - lead.length - rest.length - trailing.length
  const block = Buffer.concat([lead, Buffer.alloc(length, filler), rest, trailing])
  return Buffer.concat([block, Buffer.alloc(KEY_BYTES - block.length)])
}

t.test('the encoding of the standard is accepted', async t => {
  t.match(await verify(`${signingInput}.${base64url(signBlock(encode({})))}`), { kind: 'verified' })
})

t.test('every other encoding is refused', async t => {
  const encodings: Record<string, Encoding> = {
    'block type 0': { lead: Buffer.from([0, 0]), filler: 0 },
    'block type 2': { lead: Buffer.from([0, 2]) },
    'filler 00': { filler: 0 },
    'filler FE': { filler: 0xfe },
    'no separator': { separator: Buffer.alloc(0) },
    'a wrong separator': { separator: Buffer.from([1]) },
    'eight bytes of filler and garbage behind': { padding: 8 },
    'no filler and garbage behind': { padding: 0 },
    'one byte of garbage behind': { trailing: Buffer.from([0]) },
    'parameters left out': { info: Buffer.from('302f300b0609608648016503040201' + '0420', 'hex') },
    'long form of a length': { info: Buffer.from('308131300d060960864801650304020105000420', 'hex') },
    'indefinite length': { info: Buffer.from('3080300d060960864801650304020105000420', 'hex'), trailing: Buffer.from([0, 0]) },
    'a NULL of length 1': { info: Buffer.from('3032300e06096086480165030402010501000420', 'hex') },
    'the name of SHA-1': { info: Buffer.from('3021300906052b0e03021a05000414', 'hex'), hash: digest.subarray(0, 20) },
    'the name of SHA-384': { info: Buffer.from('3041300d060960864801650304020205000430', 'hex'), hash: Buffer.concat([digest, Buffer.alloc(16)]) },
    'the name of SHA-512/256': { info: Buffer.from('3031300d060960864801650304020605000420', 'hex') },
    'the hash alone': { info: Buffer.alloc(0) },
    'a hash one bit off': { hash: Buffer.concat([digest.subarray(0, 31), Buffer.from([digest[31]! ^ 1])]) },
    'a hash cut short': { hash: digest.subarray(0, 31) },
    'an empty hash': { hash: Buffer.alloc(0) }
  }
  for (const [name, encoding] of Object.entries(encodings)) {
    t.strictSame(await verify(`${signingInput}.${base64url(signBlock(encode(encoding)))}`), { kind: 'refused', reason: 'signature' }, name)
  }
})

t.test('signatures that no private key made', async t => {
  const modulus = Buffer.from(createPublicKey(keys.publicPem).export({ format: 'jwk' }).n!, 'base64url')
  const good = signBlock(encode({}))
  const plusModulus = (BigInt(`0x${good.toString('hex')}`) + BigInt(`0x${modulus.toString('hex')}`)).toString(16)
  const signatures: Record<string, Buffer> = {
    zero: Buffer.alloc(KEY_BYTES),
    one: Buffer.concat([Buffer.alloc(KEY_BYTES - 1), Buffer.from([1])]),
    'the modulus': modulus,
    'the encoded block itself': encode({}),
    'all ones': Buffer.alloc(KEY_BYTES, 0xff),
    'the good one plus the modulus': Buffer.from(plusModulus.padStart(plusModulus.length + plusModulus.length % 2, '0'), 'hex'),
    'a zero byte in front': Buffer.concat([Buffer.from([0]), good]),
    'a zero byte behind': Buffer.concat([good, Buffer.from([0])]),
    'the last byte missing': good.subarray(0, -1),
    'the first byte missing': good.subarray(1),
    'one byte': Buffer.from([1]),
    twice: Buffer.concat([good, good]),
    'the digest': digest
  }
  for (const [name, signature] of Object.entries(signatures)) {
    t.strictSame(await verify(`${signingInput}.${base64url(signature)}`), { kind: 'refused', reason: 'signature' }, name)
  }
})

t.test('parts of two good tokens do not mix', async t => {
  const [one, other] = [await mintAccessToken(keys), await mintAccessToken(keys, { rg: 7 })].map(token => token.split('.'))
  t.strictSame(await verify(`${one![0]}.${one![1]}.${other![2]}`), { kind: 'refused', reason: 'signature' })
  t.strictSame(await verify(`${one![0]}.${other![1]}.${one![2]}`), { kind: 'refused', reason: 'signature' })
})
