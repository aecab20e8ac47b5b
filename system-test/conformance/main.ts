// Plays the cases against a running server. `npm run ws:conformance -- --help`
import { once } from 'node:events'
import { connect } from 'node:net'
import { ALL_CASES } from './all-cases.js'
import { HELP, readOptions, type Options } from './options.js'
import { playAll } from './runner.js'

const options = await readOptions(process.argv.slice(2), process.env).catch((err: Error) => {
  console.error(`${err.message}; --help says more`)
  process.exit(2)
})
if (options === undefined) console.log(HELP)
else await run(options)

async function run (options: Options): Promise<void> {
  const { host, port } = options.target
  const socket = connect(port, host)
  const unreachable = await once(socket, 'connect').then(() => undefined, (err: Error) => err.message)
  socket.destroy()
  if (unreachable !== undefined) {
    console.error(`Cannot reach the socket server: ${unreachable}`)
    process.exitCode = 2
    return
  }
  const failure = await options.account.shared().then(() => undefined, (err: Error) => err.message)
  if (failure !== undefined) {
    console.error(`Cannot sign in: ${failure}; --api says where, --help what else is needed`)
    process.exitCode = 2
    return
  }
  const cases = ALL_CASES.filter(({ id }) => id.startsWith(options.only))
  if (cases.length === 0) {
    console.error(`No case begins with ${options.only}; there are ${[...new Set(ALL_CASES.map(({ id }) => id.replace(/-\d+$/, '')))].join(', ')}`)
    process.exitCode = 2
    return
  }
  const startedAt = Date.now()
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const results = playAll(cases, options)
  await Promise.all(results.map(async (coming, index) => {
    const result = await coming
    counts[result.kind] += 1
    const { id, sentence } = cases[index]!
    console.log(`${result.kind.padEnd(7)} ${id.padEnd(9)} ${sentence}${result.kind === 'passed' ? '' : `\n        ${result.reason}`}`)
  }))
  const seconds = Math.round((Date.now() - startedAt) / 1000)
  console.log(`\n${cases.length} cases: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, in ${seconds} s`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}
