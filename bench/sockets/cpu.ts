// CPU time of the server for a connect, a reauth and an echoed message, ours beside others, in short alternating slices.
// `npm run bench:sockets-cpu -- 7 2000` for 7 rounds with slices of 2,000 ms.
import { startClient, loopbackAddresses, type Client } from './clients.js'
import { startDatabase, type Database } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure, type Table } from '../harness/measurements.js'
import { alternate, type Slice } from '../harness/slices.js'
import { ratios, withRange } from '../harness/statistics.js'
import { startComparedServer, startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { makeKeyFiles, type KeyFiles } from './tokens.js'

const [ROUNDS, SLICE_MS] = readArguments(['rounds', wholeNumber, 9], ['milliseconds of a slice', wholeNumber, 2000])
const CONNECT_TOKENS = 6000
const REAUTH_SOCKETS = 300
const REAUTHS_EACH = 10
const ECHO_SOCKETS = 100
const AIM_ECHO = 0.85
/** Not dearer than what others would build with a library for sockets and one for tokens. */
const AIM_PEER = 1

/** Microseconds of the server's CPU for each time it was done. */
type Each = number
interface Part { figures: Record<string, Figure>, table: Table }

await withTeardown(async t => {
  const keys = makeKeyFiles(temporaryFolder(t))
  const database = await startDatabase(t)
  const parts: Part[] = []
  for (const measure of [measureConnects, measureReauths, measureEchoes]) await withTeardown(async own => { parts.push(await measure(own, database, keys)) })
  publish({
    bench: 'sockets-cpu',
    title: 'CPU time of the socket server',
    method: `All threads of the server, one process of each; ${ROUNDS} rounds of alternating slices of about ${SLICE_MS} ms, median and range. Ratios are within a round.`,
    versions: versionsOf(['uWebSockets.js', 'ws', 'socket.io', 'jose']),
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)),
    tables: parts.map(({ table }) => table)
  })
})

async function measureConnects (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<Part> {
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
  const slice = ({ port, dialect, pids }: ServerUnderTest): Slice<Each> => () => perOperation(pids, () => client.call('connectFor', { port, dialect, milliseconds: SLICE_MS }))
  const each = await alternate('connect', ROUNDS, {
    'uWebSockets.js': slice(servers['uWebSockets.js']),
    'uWebSockets.js, crypto.verify': slice(servers['uWebSockets.js, crypto.verify']),
    ours: slice(servers.ours),
    'ws, jose': slice(servers['ws, jose']),
    'Socket.IO, jose': slice(servers['Socket.IO, jose'])
  })
  const [raw, verify] = [each['uWebSockets.js'], each['uWebSockets.js, crypto.verify']]
  return {
    figures: {
      'sockets.connect': figureOf('CPU of an authenticated connect', 'µs', each.ours),
      'sockets.connect.raw-verify': figureOf('a connect: ours ÷ uWebSockets.js with crypto.verify', 'x', ratios(each.ours, verify)),
      'sockets.connect.ws': figureOf('a connect: ws with jose ÷ ours', 'x', ratios(each['ws, jose'], each.ours), { atLeast: AIM_PEER }),
      'sockets.connect.socket-io': figureOf('a connect: Socket.IO with jose ÷ ours', 'x', ratios(each['Socket.IO, jose'], each.ours), { atLeast: AIM_PEER })
    },
    table: {
      caption: `A connect: upgrade, authentication, cut; 32 at once, ${CONNECT_TOKENS} access tokens in turn`,
      head: ['server', 'µs each', '÷ raw upgrade', '÷ raw upgrade with crypto.verify'],
      rows: Object.entries(each).map(([name, values]) => [name, withRange(values, 0), withRange(ratios(values, raw)), withRange(ratios(values, verify))])
    }
  }
}

async function measureReauths (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<Part> {
  const server = await startOurServer(t, { databaseUrl: wsUrl, keys })
  const client = await startCrowd(t, server, keys, REAUTH_SOCKETS)
  progress('minting for the reauths')
  for (let generation = 1; generation <= (ROUNDS + 1) * REAUTHS_EACH; generation++) await client.call('mint', { count: REAUTH_SOCKETS, generation })
  let [next, nextAlone] = [1, 1]
  const each = await alternate('reauth', ROUNDS, {
    ours: () => perOperation(server.pids, async () => {
      let done = 0
      for (let i = 0; i < REAUTHS_EACH; i++) done += await client.call('reauth', next++)
      if (done !== REAUTH_SOCKETS * REAUTHS_EACH) throw new Error(`${done} of ${REAUTH_SOCKETS * REAUTHS_EACH} reauths succeeded`)
      return done
    }),
    'crypto.verify': () => {
      const from = nextAlone
      nextAlone += REAUTHS_EACH
      return client.call('verifyAlone', { from, to: nextAlone })
    }
  })
  const ratio = ratios(each.ours, each['crypto.verify'])
  return {
    figures: {
      'sockets.reauth': figureOf('CPU of a reauth on an open socket', 'µs', each.ours),
      'sockets.reauth.verify': figureOf('a reauth: ours ÷ crypto.verify of the same access token', 'x', ratio)
    },
    table: {
      caption: `A reauth on an open socket, beside crypto.verify of the same access tokens; ${REAUTH_SOCKETS * REAUTHS_EACH} in a slice`,
      head: ['what', 'µs each', '÷ crypto.verify'],
      rows: [['ours', withRange(each.ours, 0), withRange(ratio)], ['crypto.verify', withRange(each['crypto.verify'], 0), '1']]
    }
  }
}

async function measureEchoes (t: Teardown, { wsUrl }: Database, keys: KeyFiles): Promise<Part> {
  const slice = async (server: ServerUnderTest): Promise<Slice<Each>> => {
    const client = await startCrowd(t, server, keys, ECHO_SOCKETS)
    return () => perOperation(server.pids, async () => (await client.call('echoFor', { milliseconds: SLICE_MS })).answered)
  }
  const each = await alternate('echo', ROUNDS, {
    'uWebSockets.js': await slice(await startComparedServer(t, 'raw', keys)),
    ours: await slice(await startOurServer(t, { databaseUrl: wsUrl, keys })),
    'ws, jose': await slice(await startComparedServer(t, 'ws', keys)),
    'Socket.IO, jose': await slice(await startComparedServer(t, 'socket.io', keys))
  })
  const raw = each['uWebSockets.js']
  return {
    figures: {
      'sockets.echo': figureOf('CPU of an echoed message', 'µs', each.ours),
      'sockets.echo.ratio': figureOf('an echo: uWebSockets.js ÷ ours', 'x', ratios(raw, each.ours), { atLeast: AIM_ECHO }),
      'sockets.echo.ws': figureOf('an echo: ws ÷ ours', 'x', ratios(each['ws, jose'], each.ours), { atLeast: AIM_PEER }),
      'sockets.echo.socket-io': figureOf('an echo: Socket.IO ÷ ours', 'x', ratios(each['Socket.IO, jose'], each.ours), { atLeast: AIM_PEER })
    },
    table: {
      caption: `An echoed message; ${ECHO_SOCKETS} sockets with one in flight on each`,
      head: ['server', 'µs each', 'uWebSockets.js ÷ this'],
      rows: Object.entries(each).map(([name, values]) => [name, withRange(values), withRange(ratios(raw, values))])
    }
  }
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
