// Memory of idle authenticated sockets in one server process, ours beside others.
// `npm run bench:sockets-memory -- 2000 2` for 2,000 instead of 19,000 sockets, and 2 seconds instead of 15 to settle.
import { setTimeout as sleep } from 'node:timers/promises'
import { callAll, loopbackAddresses, startClient, type Client } from './clients.js'
import { startDatabase } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { residentBytes } from '../harness/process-figures.js'
import { fraction, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf, type Figure } from '../harness/measurements.js'
import { megabytes } from '../harness/statistics.js'
import { startComparedServer, startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { makeKeyFiles, type KeyFiles } from './tokens.js'

const [COUNT, SETTLE_SECONDS] = readArguments(['sockets', wholeNumber, 19_000], ['seconds to settle', fraction, 15])
const CLIENTS = 2
const share = Math.floor(COUNT / CLIENTS)
/** V8 gives back what the start has needed when nothing has happened for 10 to 20 seconds. */
const SETTLE_MS = SETTLE_SECONDS * 1000
const SETTLE_FIRST_MS = 2 * SETTLE_MS
const AIM_BYTES = 3072

interface Memory { opened: number, before: number, few: { opened: number, resident: number }, atOnce: number, settled: number }

await withTeardown(async t => {
  const keys = makeKeyFiles(temporaryFolder(t))
  const { wsUrl } = await startDatabase(t)
  const clients = Array.from({ length: CLIENTS }, () => startClient(t))
  const measureOne = async (name: string, start: (t: Teardown) => Promise<ServerUnderTest>): Promise<[string, Memory]> => {
    progress(name)
    let memory: Memory | undefined
    await withTeardown(async own => { memory = await measure(await start(own), clients, keys) })
    return [name, memory!]
  }
  const ours = await measureOne('ours', own => startOurServer(own, { databaseUrl: wsUrl, keys }))
  const raw = await measureOne('uWebSockets.js, no authentication', own => startComparedServer(own, 'raw', keys))
  const ws = await measureOne('ws, jose', own => startComparedServer(own, 'ws', keys))
  const socketIo = await measureOne('Socket.IO, jose', own => startComparedServer(own, 'socket.io', keys))
  const figure = ([name, memory]: [string, Memory], aim?: Figure['aim']): Figure => ({ what: `memory of an idle socket: ${name}`, value: perSocket(memory), unit: 'bytes', ...aim === undefined ? {} : { aim } })
  publish({
    bench: 'sockets-memory',
    title: 'Memory of idle sockets',
    method: `${share * CLIENTS} idle sockets in one process of each server, each with a user, a session and an access token of its own. What V8 has not collected yet when the first figure is read makes a socket look smaller; less so after the first tenth.`,
    versions: versionsOf(['uWebSockets.js', 'ws', 'socket.io', 'jose']),
    figures: {
      'sockets.memory': figure(ours, { atMost: AIM_BYTES }),
      'sockets.memory.raw': figure(raw),
      'sockets.memory.ws': figure(ws),
      'sockets.memory.socket-io': figure(socketIo)
    },
    tables: [{
      caption: 'Resident memory of the server process',
      head: ['server', 'sockets', 'before, MB', 'a tenth, MB', 'all, MB', `${SETTLE_MS / 1000} s later, MB`, 'bytes per socket', 'bytes per socket after the first tenth'],
      rows: [ours, raw, ws, socketIo].map(([name, memory]) => [
        name, ...[memory.opened, megabytes(memory.before), megabytes(memory.few.resident), megabytes(memory.atOnce), megabytes(memory.settled), perSocket(memory), afterFirstTenth(memory)].map(String)
      ])
    }]
  })
})

async function measure ({ port, dialect, pids }: ServerUnderTest, clients: Client[], keys: KeyFiles): Promise<Memory> {
  await Promise.all(clients.map((client, i) => client.call('prepare', { ports: [port], dialect, addresses: loopbackAddresses(4), keys, firstIndex: i * share })))
  await callAll(clients, 'mint', { count: share, generation: 0 })
  const openEach = async (count: number) => (await callAll(clients, 'open', count)).reduce((sum, n) => sum + n, 0)
  await sleep(SETTLE_FIRST_MS)
  const before = residentBytes(pids)
  const few = await openEach(Math.floor(share / 10))
  await sleep(SETTLE_MS)
  const withFew = residentBytes(pids)
  const opened = few + await openEach(share)
  const atOnce = residentBytes(pids)
  await sleep(SETTLE_MS)
  const settled = residentBytes(pids)
  await callAll(clients, 'reset')
  return { opened, before, few: { opened: few, resident: withFew }, atOnce, settled }
}

function perSocket ({ opened, before, settled }: Memory): number {
  return Math.round((settled - before) / opened)
}

function afterFirstTenth ({ opened, few, settled }: Memory): number {
  return Math.round((settled - few.resident) / (opened - few.opened))
}
