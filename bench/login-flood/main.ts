// What a flood of logins costs whoever is signed in already, and how many of the logins get through: hash processes of
// idle priority beside the threads of the API, in alternating rounds. Clients and PostgreSQL run on the same cores.
import { cpus } from 'node:os'
import { residentBytes } from '../harness/process-figures.js'
import { withTeardown } from '../harness/teardown.js'
import { processTree } from '../../system-test/fixtures/process-tree.js'
import { startApi, type ApiUnderTest } from '../harness/api-under-test.js'
import { measureRawRate } from './raw-rate.js'
import { startLoad, type Rates, type Sample } from './load.js'

const seconds = Number(process.argv[2] ?? 60)
const rounds = Number(process.argv[3] ?? 1)
const bits = Number(process.argv[4] ?? 4096) as 2048 | 4096
const BCRYPT_COST = 12
const CALMS_DOWN_MS = 3000
const REFRESHES = 20
const PROTECTED = 100
const BESIDE: Rates = { refresh: REFRESHES, protected: PROTECTED, login: 0 }
const AIMS: Record<string, string> = { 'accepted ÷ raw': '≥ 0.9', 'mixed: accepted ÷ raw': '≥ 0.65', 'refresh p99 ÷ quiet': '≤ 3', 'protected p99 ÷ quiet': '≤ 3' }

interface Round { raw: number, quiet: Sample, flood: Sample, mixed: Sample, megabytes: { before: number, peak: number, after: number } }

await withTeardown(async t => {
  const kinds = { 'hash processes': undefined, 'threads of the API': '/nowhere' }
  const apis = new Map<string, ApiUnderTest>()
  for (const [kind, path] of Object.entries(kinds)) apis.set(kind, await startApi(t, { bits, bcryptCost: BCRYPT_COST, path }))
  const measured = new Map<string, Round[]>([...apis.keys()].map(kind => [kind, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [kind, api] of apis) {
      process.stderr.write(`round ${round} of ${rounds}: ${kind}\n`)
      measured.get(kind)!.push(await measure(api))
    }
  }
  console.log(`Node.js ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}; ${rounds} rounds of ${seconds} s each; ` +
    `bcrypt cost ${BCRYPT_COST}, RSA ${bits} bits; beside the flood ${REFRESHES} refreshes/s and ${PROTECTED} protected calls/s`)
  const columns = [...measured].map(([kind, results]) => [kind, report(results)] as const)
  console.table(Object.fromEntries(Object.keys(columns[0]![1]).map(figure =>
    [figure, { ...Object.fromEntries(columns.map(([kind, figures]) => [kind, figures[figure]])), aim: AIMS[figure] ?? '' }])))

  async function measure (api: ApiUnderTest): Promise<Round> {
    const raw = await measureRawRate(BCRYPT_COST, Math.min(seconds, 10) * 1000)
    const load = await startLoad(t, api.url)
    const flood = 10 * raw
    await load.run({ ...BESIDE, login: raw / 2 }, 2)             // warms up
    // Looked up each time: a hash process may have been replaced.
    const resident = () => Math.round(residentBytes(processTree(api.pid).map(({ pid }) => pid)) / 1e6)
    const before = resident()
    let peak = before
    const watching = setInterval(() => { peak = Math.max(peak, resident()) }, 1000)
    const quiet = await load.run(BESIDE, seconds)
    const alone = await load.run({ refresh: 0, protected: 0, login: flood }, seconds)
    const mixed = await load.run({ ...BESIDE, login: flood }, seconds)
    clearInterval(watching)
    await new Promise(resolve => setTimeout(resolve, CALMS_DOWN_MS))
    load.end()
    return { raw, quiet, flood: alone, mixed, megabytes: { before, peak, after: resident() } }
  }
})

function report (results: Round[]): Record<string, unknown> {
  const of = (figure: (round: Round) => number, digits = 2) => Number(median(results.map(figure)).toFixed(digits))
  return {
    'raw hashes/s': of(({ raw }) => raw, 1),
    'accepted/s': of(({ flood }) => flood.accepted / flood.seconds, 1),
    'accepted ÷ raw': of(({ raw, flood }) => flood.accepted / flood.seconds / raw),
    'mixed: accepted/s': of(({ mixed }) => mixed.accepted / mixed.seconds, 1),
    'mixed: accepted ÷ raw': of(({ raw, mixed }) => mixed.accepted / mixed.seconds / raw),
    'refusal p50, p99 ms': `${of(({ mixed }) => percentile(mixed.refusals, 0.5), 0)}, ${of(({ mixed }) => percentile(mixed.refusals, 0.99), 0)}`,
    'quiet refresh p50, p99 ms': `${of(({ quiet }) => percentile(quiet.refresh, 0.5), 1)}, ${of(({ quiet }) => percentile(quiet.refresh, 0.99), 1)}`,
    'refresh p99 ÷ quiet': of(({ quiet, mixed }) => percentile(mixed.refresh, 0.99) / percentile(quiet.refresh, 0.99)),
    'quiet protected p50, p99 ms': `${of(({ quiet }) => percentile(quiet.protected, 0.5), 1)}, ${of(({ quiet }) => percentile(quiet.protected, 0.99), 1)}`,
    'protected p99 ÷ quiet': of(({ quiet, mixed }) => percentile(mixed.protected, 0.99) / percentile(quiet.protected, 0.99)),
    'MB before, peak, after': `${of(({ megabytes }) => megabytes.before, 0)}, ${of(({ megabytes }) => megabytes.peak, 0)}, ${of(({ megabytes }) => megabytes.after, 0)}`,
    'other answers': results.reduce((sum, { quiet, flood, mixed }) => sum + quiet.others + flood.others + mixed.others, 0)
  }
}

function median (values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function percentile (values: number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? NaN
}
