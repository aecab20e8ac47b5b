// Whether the time of a refusal tells that an account exists: an unknown user and a wrong password, one after the
// other in turns, and whether the two kinds of answer could come from one distribution (Mann-Whitney, two-sided).
import { startApi } from '../harness/api-under-test.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf, type Figure } from '../harness/measurements.js'
import { median } from '../harness/statistics.js'
import { withTeardown } from '../harness/teardown.js'

const [samples, bcryptCost] = readArguments(['samples', wholeNumber, 300], ['bcrypt cost', wholeNumber, 12])
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
    if (n % 50 === 49) progress(`${n + 1} of ${samples}`)
  }
  const figures: Record<string, Figure> = {
    unknown: { what: 'median for an unknown user', value: median(unknown), unit: 'ms' },
    wrong: { what: 'median for a wrong password', value: median(wrong), unit: 'ms' },
    ratio: { what: 'an unknown user ÷ a wrong password', value: median(unknown) / median(wrong), unit: 'x' },
    p: { what: 'p that both kinds come from one distribution', value: rankTest(unknown, wrong), unit: '', aim: { atLeast: 0.01 } }
  }
  publish({
    bench: 'login-timing',
    title: 'What the time of a refusal tells',
    method: `${samples} refusals of each kind, one after the other in changing order, each account once, bcrypt of cost ${bcryptCost}; compared by the Mann-Whitney test, two-sided.`,
    versions: versionsOf(['bcrypt', 'fastify']),
    figures: Object.fromEntries(Object.entries(figures).map(([id, figure]) => [`login-timing.${id}`, figure])),
    tables: [{ caption: 'Refusals', head: ['', 'found', 'aim'], rows: Object.values(figures).map(({ what, value, unit, aim }) => [unit === 'ms' ? `${what}, ms` : what, value.toFixed(3), aim === undefined ? '' : '≥ 0.01']) }]
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
