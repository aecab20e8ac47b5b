import t from 'tap'
import { base64url, createTestKeys, goodClaims } from './fixtures/access-tokens.js'
import { mixedTokens } from './fixtures/flawed-access-tokens/forms.js'
import { madeUpSignatures, signedParts, wrongEncodings } from './fixtures/flawed-access-tokens/signatures.js'
import { createTestVerifier } from './fixtures/verifier.js'

const keys = await createTestKeys()
const verify = await createTestVerifier(keys)
const good = { keys, claims: goodClaims() }

t.test('the encoding of the standard is accepted', async t => {
  const { signingInput, encode, signBlock } = signedParts(good)
  t.match(await verify(`${signingInput}.${base64url(signBlock(encode({})))}`), { kind: 'verified' })
})

for (const [title, flawed] of Object.entries({
  'every other encoding is refused': wrongEncodings(good),
  'signatures that no private key made': madeUpSignatures(good),
  'parts of two good tokens do not mix': mixedTokens(good)
})) {
  t.test(title, async t => {
    for (const { flaw, accessToken, reason } of flawed) t.strictSame(await verify(accessToken), { kind: 'refused', reason }, flaw)
  })
}
