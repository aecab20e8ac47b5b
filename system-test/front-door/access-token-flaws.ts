import { createTestKeys, type TestKeys } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import * as claims from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/claims.js'
import { withHeader, type FlawedAccessToken, type Good } from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/flawed-access-token.js'
import * as forms from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/forms.js'
import * as headers from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/headers.js'
import * as signatures from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/signatures.js'
import { askApi, goodAccessToken, notRefused } from './access-token-verdicts.js'
import type { Case } from './case.js'

const refusals: Array<{ title: string, ids: string[], flawed: (good: Good, stranger: TestKeys) => FlawedAccessToken[] | Promise<FlawedAccessToken[]> }> = [
  {
    title: 'another algorithm, in the header or in fact, and the public key as a secret',
    ids: ['JW-01'],
    flawed: (good, stranger) => [...headers.otherAlgorithms(good), ...headers.publicKeyAsSecret(good), ...signatures.otherSignatures(good, stranger)]
  },
  {
    title: 'signatures with a wrong encoding and signatures that no key made',
    ids: ['JW-02'],
    flawed: good => [...signatures.wrongEncodings(good), ...signatures.madeUpSignatures(good), ...forms.mixedTokens(good)]
  },
  { title: 'a kid that is missing, unknown or no text', ids: ['JW-04'], flawed: headers.otherKids },
  { title: 'a header member beside the three, crit and keys among them', ids: ['JW-03', 'JW-05'], flawed: headers.moreHeaderMembers },
  { title: 'another type', ids: ['JW-06'], flawed: headers.otherTypes },
  { title: 'another form than the compact one, and bytes that are no JSON object', ids: ['JW-07', 'JW-13'], flawed: async good => [...await forms.otherForms(good), ...forms.noJsonObjects(good)] },
  { title: 'another issuer or audience', ids: ['JW-08'], flawed: claims.otherParties },
  { title: 'instants that are none, lives too long or not begun', ids: ['JW-09'], flawed: good => [...claims.malformedInstants(good), ...claims.wrongLifetimes(good)] },
  {
    title: 'claims that are missing or malformed',
    ids: ['JW-10'],
    flawed: good => [...claims.missingClaims(good), ...claims.malformedIdentifiers(good), ...claims.malformedGenerationsAndMethods(good)]
  },
  { title: 'members twice, the bad one last', ids: ['JW-11'], flawed: good => [...headers.repeatedHeaderMembers(good), ...claims.repeatedClaims(good)] }
]

const stranger = createTestKeys()

/** Everything but the flaw is good: issued by the door, of a user and a session that live, signed with the door's own key. */
export const cases: Case[] = refusals.map(({ title, ids, flawed }) => ({
  title: `access tokens: ${title}`,
  ids: [...ids, 'JW-17', 'JW-18'],
  async run (t, door) {
    const good = await goodAccessToken(door)
    t.equal((await askApi(door, withHeader(good, {}))).status, 200, 'without a flaw it is accepted')
    const tokens = await flawed(good, await stranger)
    t.ok(tokens.length > 0)
    t.strictSame(await notRefused(door, good.accessToken, tokens), [])
  }
}))
