// A session that is refreshed on two API processes while a logout runs on one of them, round after round.
// Ends with 1 when a refresh that began after the logout's answer succeeds. A round ends when all of its access tokens
// are refused by both processes.
// Usage: npm run bench:refresh-logout -- [rounds] [seed]
import { readArguments, wholeNumber } from '../harness/command-line.js'
import { Random } from '../refresh-simulator/random.js'
import { playLogout, type LogoutResult } from './logout-round.js'
import { withTwoApis } from './two-apis.js'

const [rounds, seed] = readArguments(['rounds', wholeNumber, 1000], ['seed', wholeNumber, 1])
const random = new Random(seed)

await withTwoApis(async ({ urls }) => {
  const results: LogoutResult[] = []
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round++) {
    results.push(await playLogout(urls, () => random.next()))
    if (round % 100 === 99) process.stderr.write(`${round + 1} rounds …\n`)
  }
  const sum = (of: (result: LogoutResult) => number) => results.reduce((total, result) => total + of(result), 0)
  const faults = results.flatMap(({ faults }) => faults)
  console.log(`${rounds} rounds of refresh against logout over two API processes, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  console.table({
    'refreshes sent before the logout': sum(({ sent }) => sent.before),
    'while it was under way': sum(({ sent }) => sent.during),
    'after its answer': sum(({ sent }) => sent.after),
    'answers 200': sum(({ statuses }) => statuses[200] ?? 0),
    'answers 401': sum(({ statuses }) => statuses[401] ?? 0),
    'answers 429': sum(({ statuses }) => statuses[429] ?? 0),
    'access tokens, all refused by both in the end': sum(({ accessTokens }) => accessTokens),
    faults: faults.length
  })
  for (const fault of new Set(faults)) console.error(`fault: ${fault}`)
  if (faults.length > 0) process.exitCode = 1
})
