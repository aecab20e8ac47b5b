// CPU time of the server for a connect, a reauth and an echoed message, ours beside others, in short alternating slices.
// `npm run bench:sockets-cpu -- 7 2000` for 7 rounds with slices of 2,000 ms.
import { startClient, loopbackAddresses, type Client } from './clients.js'
import { startDatabase, type Database } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import { numberArgument, progress } from '../harness/command-line.js'
import { printHead } from '../harness/report.js'
import { withRange } from '../harness/statistics.js'
import { startComparedServer, startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { makeKeyFiles, type KeyFiles } from './tokens.js'

const ROUNDS = numberArgument(0, 'rounds', 9)
const SLICE_MS = numberArgument(1, 'slice milliseconds', 2000)
const CONNECT_TOKENS = 6000
const REAUTH_SOCKETS = 300
const REAUTHS_EACH = 10
const ECHO_SOCKETS = 100
const AIM_ECHO = 0.85

/** Does something for about one slice. @returns CPU microseconds of the server for each time it was done */
type Slice = () => Promise<number>

await withTeardown(async t => {
  printHead(`CPU time of the server, all its threads; ${ROUNDS} rounds of alternating slices of about ${SLICE_MS} ms, median (range)`, ['uWebSockets.js', 'ws', 'socket.io', 'jose'])
  const keys = makeKeyFiles(temporaryFolder(t))
  const database = await startDatabase(t)
  for (const measure of [measureConnects, measureReauths, measureEchoes]) await withTeardown(own => measure(own, database, keys))
})

async function measureConnects (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<void> {
  const client = startClient(t)
  const servers = {
    'uWebSockets.js': await startComparedServer(t, 'raw', keys),
    'uWebSockets.js, crypto.verify': await startComparedServer(t, 'raw-verify', keys),
    ours: await startOurServer(t, { databaseUrl: wsUrl, keys }),
    'ws, jose': await startComparedServer(t, 'ws', keys),
    'Socket.IO, jose': await startComparedServer(t, 'socket.io', keys)
  }
  await client.call('prepare', { ports: [], dialect: 'plain', addresses: loopbackAddresses(4), keys, firstIndex: 0 })
  await client.call('mint', { count: CONNECT_TOKENS, generation: 0 })
  const slices = mapValues(servers, ({ port, dialect, pids }): Slice => () => perOperation(pids, () => client.call('connectFor', { port, dialect, milliseconds: SLICE_MS })))
  const figures = await runRounds('connect', slices)
  const [raw, verify] = [figures['uWebSockets.js'], figures['uWebSockets.js, crypto.verify']]
  console.log(`\nA connect: upgrade, authentication, cut; 32 at once, ${CONNECT_TOKENS} access tokens in turn`)
  console.table(mapValues(figures, values => ({ 'µs each': withRange(values, 0), '÷ raw upgrade': withRange(ratios(values, raw)), '÷ raw upgrade with crypto.verify': withRange(ratios(values, verify)) })))
}

async function measureReauths (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<void> {
  const server = await startOurServer(t, { databaseUrl: wsUrl, keys })
  const client = await startCrowd(t, server, keys, REAUTH_SOCKETS)
  progress('minting for the reauths')
  for (let generation = 1; generation <= (ROUNDS + 1) * REAUTHS_EACH; generation++) await client.call('mint', { count: REAUTH_SOCKETS, generation })
  let from = 1
  const figures = await runRounds('reauth', {
    async ours () {
      const to = from + REAUTHS_EACH
      return await perOperation(server.pids, async () => {
        let done = 0
        for (; from < to; from++) done += await client.call('reauth', from)
        if (done !== REAUTH_SOCKETS * REAUTHS_EACH) throw new Error(`${done} of ${REAUTH_SOCKETS * REAUTHS_EACH} reauths succeeded`)
        return done
      })
    },
    'crypto.verify': () => client.call('verifyAlone', { from: from - REAUTHS_EACH, to: from })
  })
  console.log(`\nA reauth on an open socket, beside crypto.verify of the same access tokens; ${REAUTH_SOCKETS * REAUTHS_EACH} in a slice`)
  console.table(mapValues(figures, values => ({ 'µs each': withRange(values, 0), '÷ crypto.verify': withRange(ratios(values, figures['crypto.verify'])) })))
}

async function measureEchoes (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<void> {
  const servers = {
    'uWebSockets.js': await startComparedServer(t, 'raw', keys),
    ours: await startOurServer(t, { databaseUrl: wsUrl, keys }),
    'ws, jose': await startComparedServer(t, 'ws', keys),
    'Socket.IO, jose': await startComparedServer(t, 'socket.io', keys)
  }
  const slices: Partial<Record<keyof typeof servers, Slice>> = {}
  for (const name of Object.keys(servers) as Array<keyof typeof servers>) {
    const client = await startCrowd(t, servers[name], keys, ECHO_SOCKETS)
    slices[name] = () => perOperation(servers[name].pids, async () => (await client.call('echoFor', { milliseconds: SLICE_MS })).answered)
  }
  const figures = await runRounds('echo', slices as Record<keyof typeof servers, Slice>)
  console.log(`\nAn echoed message; ${ECHO_SOCKETS} sockets with one in flight on each. Aim for ours: uWebSockets.js ÷ ours at least ${AIM_ECHO}`)
  console.table(mapValues(figures, values => ({ 'µs each': withRange(values), 'uWebSockets.js ÷ this': withRange(ratios(figures['uWebSockets.js'], values)) })))
}

async function startCrowd (t: Teardown, { port, dialect }: ServerUnderTest, keys: KeyFiles, count: number): Promise<Client> {
  const client = startClient(t)
  await client.call('prepare', { ports: [port], dialect, addresses: loopbackAddresses(1), keys, firstIndex: 0 })
  const opened = await client.call('open', count)
  if (opened !== count) throw new Error(`${opened} of ${count} sockets opened`)
  return client
}

async function perOperation (pids: number[], work: () => Promise<number>): Promise<number> {
  const before = cpuMicroseconds(pids)
  const done = await work()
  return (cpuMicroseconds(pids) - before) / done
}

/** One slice of each in turn, after a round to warm up; every second round backwards, so that none always follows the same. */
async function runRounds<Name extends string> (what: string, slices: Record<Name, Slice>): Promise<Record<Name, number[]>> {
  const figures = mapValues(slices, (): number[] => [])
  const names = Object.keys(slices) as Name[]
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of what !== 'reauth' && round % 2 === 1 ? names.toReversed() : names) {
      const figure = await slices[name]()
      if (round > 0) figures[name].push(figure)
    }
    progress(`${what}: round ${round} of ${ROUNDS}${round === 0 ? ', to warm up' : ''}`)
  }
  return figures
}

function ratios (values: number[], of: number[]): number[] {
  return values.map((value, round) => value / of[round]!)
}

function mapValues<Name extends string, From, To> (record: Record<Name, From>, of: (value: From) => To): Record<Name, To> {
  return Object.fromEntries(Object.entries<From>(record).map(([name, value]) => [name, of(value)])) as Record<Name, To>
}
