// Many concurrent authenticated sockets over several processes on one port: opened, all renewed, one revoked, all
// revoked. `npm run bench:sockets-scale -- 2000 2 5` for 2,000 sockets over 2 processes, and 5 seconds to settle instead of 15.
// Ends with 1 when a socket failed to open or to renew, or closed with another code than 4410.
import { setTimeout as sleep } from 'node:timers/promises'
import { callAll, loopbackAddresses, startClient, type Client } from './clients.js'
import { sharedClock, type Closes } from './crowd.js'
import { startDatabase } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { cpuMicroseconds, kernelSocketBytes, residentBytes } from '../harness/process-figures.js'
import { fraction, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf, type Figure, type Table } from '../harness/measurements.js'
import { megabytes } from '../harness/statistics.js'
import { startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown } from '../harness/teardown.js'
import { makeKeyFiles } from './tokens.js'

const [COUNT, PROCESSES, SETTLE_SECONDS] = readArguments(['sockets', wholeNumber, 100_000], ['processes', wholeNumber, 6], ['seconds to settle', fraction, 15])
const CLIENTS = 6
const ADDRESSES = 12
/** V8 gives back what the start has needed when nothing has happened for 10 to 20 seconds. */
const SETTLE_MS = SETTLE_SECONDS * 1000
const SETTLE_FIRST_MS = 2 * SETTLE_MS
/** A server that has lost the news reads the table within two seconds. */
const OTHERS_WOULD_CLOSE_WITHIN_MS = 3000
const SESSION_REVOKED = 4410
/** What the server puts off, such as confirming refresh generations, counts as well. */
const AFTERWARDS_MS = 1500

const failures: string[] = []

await withTeardown(async t => {
  const keys = makeKeyFiles(temporaryFolder(t))
  const { wsUrl, revoke } = await startDatabase(t)
  const server = await startOurServer(t, { databaseUrl: wsUrl, keys, processes: PROCESSES })
  const shares = shareOut(COUNT, CLIENTS)
  const clients = shares.map(() => startClient(t))
  const addresses = loopbackAddresses(ADDRESSES)
  await Promise.all(clients.map((client, i) => client.call('prepare', { ports: [server.port], dialect: 'ours', addresses: turned(addresses, i), keys, firstIndex: shares[i]!.first })))
  progress(`minting ${2 * COUNT} access tokens`)
  for (const generation of [0, 1]) await Promise.all(clients.map((client, i) => client.call('mint', { count: shares[i]!.count, generation })))

  await sleep(SETTLE_FIRST_MS)
  const before = { resident: server.pids.map(pid => residentBytes([pid])), kernel: kernelSocketBytes() }
  const phases: Record<string, Phase> = {}

  progress('opening')
  const few = sum(shares.map(tenthOf))
  phases['open the first tenth'] = await measure(server, few, async () => sum(await Promise.all(clients.map((client, i) => client.call('open', tenthOf(shares[i]!))))))
  await sleep(SETTLE_MS)
  const tenth = { sockets: few, resident: server.pids.map(pid => residentBytes([pid])) }
  phases['open the others'] = await measure(server, COUNT - few, async () => sum(await Promise.all(clients.map((client, i) => client.call('open', shares[i]!.count)))))
  await sleep(SETTLE_MS)
  const full = { resident: server.pids.map(pid => residentBytes([pid])), kernel: kernelSocketBytes() }

  progress('reauthenticating')
  phases['reauth'] = await measure(server, COUNT, async () => sum(await callAll(clients, 'reauth', 1)))

  progress('revoking one')
  phases['revoke one'] = await revokeOne(clients, revoke)

  progress('revoking all')
  phases['revoke all'] = await revokeAll(server, clients, shares, revoke)

  publish({
    bench: 'sockets-scale',
    title: `${COUNT} authenticated sockets at once`,
    method: `${PROCESSES} processes on one port, ${CLIENTS} client processes, ${ADDRESSES} source addresses, one PostgreSQL, all on this machine.`,
    versions: versionsOf(['uWebSockets.js', 'pg', 'jose']),
    figures: toFigures(phases),
    tables: [toPhaseTable(phases), toMemoryTable(before, tenth, full)]
  })
  for (const failure of failures) console.log(`FAILED: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
})

/** What was done with how many sockets, how long it took and what it cost the server for each. */
interface Phase { sockets: number, failures: number, seconds: number, cpuEach?: number }

/** Measures work that should succeed `wanted` times. */
async function measure (server: ServerUnderTest, wanted: number, work: () => Promise<number>): Promise<Phase> {
  const [startedAt, cpuBefore] = [sharedClock(), cpuMicroseconds(server.pids)]
  const done = await work()
  const seconds = (sharedClock() - startedAt) / 1000
  await sleep(AFTERWARDS_MS)
  if (done !== wanted) failures.push(`${wanted - done} of ${wanted} did not succeed`)
  return { sockets: done, failures: wanted - done, seconds, cpuEach: (cpuMicroseconds(server.pids) - cpuBefore) / Math.max(done, 1) }
}

async function revokeOne (clients: Client[], revoke: (first: number, last: number) => Promise<void>): Promise<Phase> {
  const closed = clients[0]!.call('nextClose')
  await revoke(0, 0)
  const committedAt = sharedClock()
  const { index, code, at } = await closed
  await sleep(OTHERS_WOULD_CLOSE_WITHIN_MS)
  const others = closedCount(await callAll(clients, 'closes')) - 1
  if (index !== 0 || code !== SESSION_REVOKED || others !== 0) failures.push(`revoking one session closed socket ${index} with ${code}, and ${others} others`)
  return { sockets: 1, failures: others, seconds: (at - committedAt) / 1000 }
}

async function revokeAll (server: ServerUnderTest, clients: Client[], shares: Share[], revoke: (first: number, last: number) => Promise<void>): Promise<Phase> {
  const cpuBefore = cpuMicroseconds(server.pids)
  await revoke(1, COUNT - 1)
  const committedAt = sharedClock()
  const closes = await Promise.all(clients.map((client, i) => client.call('untilClosed', shares[i]!.count)))
  const codes = [...new Set(closes.flatMap(({ codes }) => Object.keys(codes)))].map(Number)
  const closed = sum(closes.map(({ codes }) => codes[SESSION_REVOKED] ?? 0)) - 1
  if (closed !== COUNT - 1 || codes.some(code => code !== SESSION_REVOKED)) failures.push(`revoking all closed ${closed} of ${COUNT - 1} with ${SESSION_REVOKED}; codes seen: ${codes.join(', ')}`)
  const seconds = (Math.max(...closes.map(({ lastAt }) => lastAt)) - committedAt) / 1000
  return { sockets: closed, failures: COUNT - 1 - closed, seconds, cpuEach: (cpuMicroseconds(server.pids) - cpuBefore) / Math.max(closed, 1) }
}

interface MemoryFigures { resident: number[], kernel: { buffers: number, objects: number } }

function toFigures (phases: Record<string, Phase>): Record<string, Figure> {
  const others = phases['open the others']!
  return {
    'sockets.scale.failures': { what: `sockets of ${COUNT} that did not open, renew or close as they should`, value: failures.length, unit: 'failures', aim: { atMost: 0 } },
    'sockets.scale.connects': { what: 'authenticated connects, servers and clients on this machine', value: others.sockets / others.seconds, unit: '/s' },
    'sockets.scale.reauths': { what: 'reauths on open sockets', value: phases['reauth']!.sockets / phases['reauth']!.seconds, unit: '/s' },
    'sockets.scale.revoke-all': { what: `from the commit to the last close frame of all ${COUNT}`, value: phases['revoke all']!.seconds, unit: 's' }
  }
}

function toPhaseTable (phases: Record<string, Phase>): Table {
  return {
    caption: 'What was done with them',
    head: ['phase', 'sockets', 'failures', 'seconds', 'server CPU, µs each'],
    rows: Object.entries(phases).map(([name, { sockets, failures, seconds, cpuEach }]) => [name, String(sockets), String(failures), seconds.toFixed(3), cpuEach?.toFixed(0) ?? ''])
  }
}

function toMemoryTable (before: MemoryFigures, tenth: { sockets: number, resident: number[] }, full: MemoryFigures): Table {
  const list = (bytes: number[]) => bytes.map(one => megabytes(one)).join(' ')
  return {
    caption: 'Memory. What V8 has not collected yet before the first socket makes a socket look smaller; less so after the first tenth',
    head: ['what', 'measured'],
    rows: [
      ['server processes before, MB', list(before.resident)],
      ['server processes with a tenth, MB', list(tenth.resident)],
      ['server processes full, MB', list(full.resident)],
      ['bytes per socket in the process', String(Math.round((sum(full.resident) - sum(before.resident)) / COUNT))],
      ['bytes per socket after the first tenth', String(Math.round((sum(full.resident) - sum(tenth.resident)) / (COUNT - tenth.sockets)))],
      ['kernel buffers for TCP before → full, MB', `${megabytes(before.kernel.buffers)} → ${megabytes(full.kernel.buffers)}`],
      ['kernel objects (slab) more when full, MB, both ends', String(megabytes(full.kernel.objects - before.kernel.objects))]
    ]
  }
}

interface Share { first: number, count: number }

function shareOut (count: number, parts: number): Share[] {
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.floor(count * i / parts))
  return bounds.slice(1).map((end, i) => ({ first: bounds[i]!, count: end - bounds[i]! }))
}

function tenthOf ({ count }: Share): number {
  return Math.floor(count / 10)
}

// So that each client begins with another address.
function turned (addresses: string[], by: number): string[] {
  return [...addresses.slice(by * 2), ...addresses.slice(0, by * 2)]
}

function closedCount (closes: Closes[]): number {
  return sum(closes.flatMap(({ codes }) => Object.values(codes)))
}

function sum (values: number[]): number {
  return values.reduce((total, n) => total + n, 0)
}
