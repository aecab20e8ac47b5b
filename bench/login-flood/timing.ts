// Whether the time of a refusal tells that an account exists: an unknown user and a wrong password, one after the
// other in turns, and whether the two kinds of answer could come from one distribution (Mann-Whitney, two-sided).
import { withTeardown } from '../harness/teardown.js'
import { startApi } from '../harness/api-under-test.js'

const samples = Number(process.argv[2] ?? 300)
const bcryptCost = Number(process.argv[3] ?? 12)
const WARM_UP = 10

await withTeardown(async t => {
  const { url } = await startApi(t, { bits: 2048, bcryptCost })
  const unknown: number[] = []
  const wrong: number[] = []
  const failures = async (times: number[], username: string) => {
    const startedAt = performance.now()
    const response = await fetch(`${url}/api/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password: 'not the password' }) })
    await response.text()
    if (response.status !== 401) throw new Error(`login answered ${response.status}`)
    times.push(performance.now() - startedAt)
  }
  for (let n = -WARM_UP; n < samples; n++) {
    if (n === 0) for (const times of [unknown, wrong]) times.length = 0
    // Each account once, and in changing order, so that neither a budget nor the order makes a difference.
    const pair = [() => failures(unknown, `nobody${n + WARM_UP}`), () => failures(wrong, `user${n + WARM_UP}`)]
    for (const attempt of n % 2 === 0 ? pair : pair.reverse()) await attempt()
    if (n % 50 === 49) process.stderr.write(`${n + 1} of ${samples}\n`)
  }
  console.log(`Node.js ${process.version}, ${new Date().toISOString().slice(0, 10)}; ${samples} samples each, bcrypt cost ${bcryptCost}`)
  console.table({
    'unknown user': { 'median ms': Number(median(unknown).toFixed(2)) },
    'wrong password': { 'median ms': Number(median(wrong).toFixed(2)) },
    'unknown ÷ wrong': { 'median ms': Number((median(unknown) / median(wrong)).toFixed(3)), aim: '0.9–1.1' },
    'rank test p': { 'median ms': Number(rankTest(unknown, wrong).toFixed(3)), aim: 'not below 0.01' }
  })
})

/** Two-sided p of the Mann-Whitney U test in its normal approximation; samples of hundreds have no ties. */
function rankTest (a: number[], b: number[]): number {
  const u = a.reduce((sum, value) => sum + b.filter(other => other < value).length, 0)
  const z = Math.abs(u - a.length * b.length / 2) / Math.sqrt(a.length * b.length * (a.length + b.length + 1) / 12)
  // Abramowitz and Stegun 26.2.17, exact to 7.5e-8.
  const k = 1 / (1 + 0.2316419 * z)
  const tail = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530].reduce((sum, factor) => (sum + factor) * k, 0)
  return Math.min(1, 2 * tail * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI))
}

function median (values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}
