// 64 refreshes with one token at once, 32 on each of two API processes, round after round.
// Ends with 1 when a round has more than one rotation or successor, or signs somebody out.
// Usage: npm run bench:refresh-bursts -- [rounds]
import { readArguments, wholeNumber } from '../harness/command-line.js'
import { faultsOf, playBurst, type BurstResult, type BurstToken } from './burst-round.js'
import { withTwoApis } from './two-apis.js'

const [rounds] = readArguments(['rounds', wholeNumber, 1000])
const KINDS: readonly BurstToken[] = ['first', 'current', 'late']

await withTwoApis(async ({ urls, pool }) => {
  const results: Array<BurstResult & { which: BurstToken, faults: string[] }> = []
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round++) {
    const which = KINDS[round % KINDS.length]!
    const result = await playBurst(urls, pool, which)
    results.push({ ...result, which, faults: faultsOf(result) })
    if (round % 100 === 99) process.stderr.write(`${round + 1} rounds …\n`)
  }
  const count = (results: readonly BurstResult[], of: (result: BurstResult) => number) => results.reduce((sum, result) => sum + of(result), 0)
  console.log(`${rounds} rounds of 64 refreshes with one token over two API processes, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  console.table(Object.fromEntries(KINDS.map(which => {
    const mine = results.filter(result => result.which === which)
    return [which, {
      rounds: mine.length,
      'answers 200': count(mine, ({ statuses }) => statuses[200] ?? 0),
      'other answers': count(mine, ({ statuses }) => Object.entries(statuses).reduce((sum, [status, n]) => status === '200' ? sum : sum + n, 0)),
      rotations: count(mine, ({ rotations }) => rotations),
      successors: count(mine, ({ successors }) => successors),
      'sessions revoked': count(mine, ({ revoked }) => Number(revoked)),
      'rounds with a fault': mine.filter(({ faults }) => faults.length > 0).length
    }]
  })))
  if (results.some(({ faults }) => faults.length > 0)) process.exitCode = 1
})
