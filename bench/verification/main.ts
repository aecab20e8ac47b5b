// What it costs to tell whether an access token is good: our verifier and its memory of verified tokens, as the API and
// the socket process use them, beside OpenSSL alone and beside other libraries. All in this process, in turn.
import { makeKeys } from '../harness/api-under-test.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure, type Table } from '../harness/measurements.js'
import { alternate } from '../harness/slices.js'
import { percentile, ratios, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { PEERS, installPeers } from '../peers/install.js'
import { TokenMint } from '../sockets/tokens.js'
import { timeEach } from './time-each.js'

const KEY_BITS = [2048, 4096] as const
const AGAIN = 10
const TITLES = {
  raw: 'crypto.verify',
  ours: 'ours',
  jose: 'jose',
  'fast-jwt': 'fast-jwt',
  'ours-known': 'ours, verified before',
  'fast-jwt-known': 'fast-jwt, verified before'
}
type Name = keyof typeof TITLES
/** Microseconds. */
const AIMS: Partial<Record<Name, { mean?: number, p99?: number }>> = { ours: { p99: 1000 }, 'ours-known': { mean: 10 } }

const [rounds, count] = readArguments(['rounds', wholeNumber, 9], ['access tokens', wholeNumber, 1000])

installPeers()
const { fastJwtVerifier, joseVerifier, ourVerifiers, rawVerifier, signedBytes } = await import('./verifiers.js')

await withTeardown(async t => {
  const parts: Array<{ figures: Record<string, Figure>, table: Table }> = []
  for (const bits of KEY_BITS) parts.push(await measure(t, bits))
  publish({
    bench: 'verification',
    title: 'Verification of access tokens',
    method: `${rounds} rounds, ${count} access tokens of as many sessions in each, one call after another in one process; each token is a new string, as it is in a request. ` +
      `Known tokens are verified ${AGAIN} times more. Times are of single calls.`,
    versions: { ...versionsOf(['jose', 'lru-cache']), ...versionsOf(['fast-jwt'], PEERS), openssl: process.versions.openssl },
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)),
    tables: parts.map(({ table }) => table)
  })
})

async function measure (t: Teardown, bits: 2048 | 4096): Promise<{ figures: Record<string, Figure>, table: Table }> {
  const keysDir = makeKeys(t, bits)
  const publicPath = `${keysDir}/public.pem`
  progress(`${bits} bits: signing ${count} access tokens`)
  const mint = await TokenMint.open({ privatePath: `${keysDir}/private.pem`, publicPath })
  const accessTokens = Array.from({ length: count }, (_, index) => mint.mint(index, 0))
  const signed = accessTokens.map(signedBytes)
  const again = Array.from({ length: AGAIN }, () => accessTokens).flat()

  const raw = rawVerifier(publicPath)
  const jose = joseVerifier(publicPath)
  const fastJwt = fastJwtVerifier(publicPath, 0)
  const createOurs = await ourVerifiers(t, publicPath)
  const oursKnown = createOurs(count)
  const fastJwtKnown = fastJwtVerifier(publicPath, count)
  const results = await alternate<Name, number[]>(`${bits} bits`, rounds, {
    raw: () => timeEach(raw, signed),
    ours: () => timeEach(createOurs(count), accessTokens.map(copyOf)),
    jose: () => timeEach(jose, accessTokens.map(copyOf)),
    'fast-jwt': () => timeEach(fastJwt, accessTokens.map(copyOf)),
    'ours-known': () => timeEach(oursKnown, again.map(copyOf)),
    'fast-jwt-known': () => timeEach(fastJwtKnown, again.map(copyOf))
  })

  const names = Object.keys(TITLES) as Name[]
  const means = (name: Name) => results[name].map(times => times.reduce((sum, time) => sum + time, 0) / times.length)
  const shares = (name: Name, share: number) => results[name].map(times => percentile(times, share))
  const ofRaw = ratios(means('raw'), means('ours'))
  const figures: Record<string, Figure> = { [`verification.${bits}.ratio`]: figureOf(`${bits} bits: crypto.verify by ours`, 'x', ofRaw) }
  for (const name of names) {
    const { mean, p99 } = AIMS[name] ?? {}
    figures[`verification.${bits}.${name}.mean`] = figureOf(`${bits} bits: ${TITLES[name]}, mean`, 'µs', means(name), mean === undefined ? undefined : { atMost: mean })
    figures[`verification.${bits}.${name}.p99`] = figureOf(`${bits} bits: ${TITLES[name]}, p99`, 'µs', shares(name, 0.99), p99 === undefined ? undefined : { atMost: p99 })
  }
  const table = {
    caption: `RS256, ${bits} bits; microseconds`,
    head: ['verifier', 'mean', 'p50', 'p99', 'crypto.verify ÷ this', 'aim'],
    rows: names.map(name => [
      TITLES[name], withRange(means(name), 1), withRange(shares(name, 0.5), 1), withRange(shares(name, 0.99), 1),
      name.endsWith('known') ? '' : withRange(ratios(means('raw'), means(name))), aimText(name)
    ])
  }
  return { figures, table }
}

function aimText (name: Name): string {
  return Object.entries(AIMS[name] ?? {}).map(([column, microseconds]) => `${column} ≤ ${microseconds}`).join(', ')
}

// The one that was verified before would be found without being read.
function copyOf (accessToken: string): string {
  return Buffer.from(accessToken, 'latin1').toString('latin1')
}
