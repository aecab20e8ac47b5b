// How long sockets live on after the end of their session: single users among many, then nearly all at once.
// `npm run bench:sockets-revocation -- 2000 50` for other than 19,000 sockets and 200 users.
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { callAll, loopbackAddresses, startClient, type Client } from './clients.js'
import { sharedClock } from './crowd.js'
import { startDatabase, type Database } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf, type Figure, type Table } from '../harness/measurements.js'
import { percentile } from '../harness/statistics.js'
import { percentileBetween, readMetrics } from './server-metrics.js'
import { startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown } from '../harness/teardown.js'
import { makeKeyFiles } from './tokens.js'

const [COUNT, SINGLE] = readArguments(['sockets', wholeNumber, 19_000], ['single revocations', wholeNumber, 200])
const CLIENTS = 2
const share = Math.floor(COUNT / CLIENTS)
const PROBE_EVERY_MS = 5
const QUIET_MS = 3000
const AIM_MS = { inProcess: 5, stall: 50 }
const SESSION_REVOKED = 4410
const HISTOGRAM = 'ws_revocation_close_seconds'
const LONGEST_LAG = 'nodejs_eventloop_lag_max_seconds'

await withTeardown(async t => {
  const keys = makeKeyFiles(temporaryFolder(t))
  const database = await startDatabase(t)
  const metricsPort = await findFreePort()
  const server = await startOurServer(t, { databaseUrl: database.wsUrl, keys, metricsPort })
  const [observer, ...crowds] = Array.from({ length: CLIENTS + 1 }, () => startClient(t)) as [Client, ...Client[]]
  const place = { ports: [server.port], dialect: 'ours' as const, keys }
  await Promise.all(crowds.map((client, i) => client.call('prepare', { ...place, addresses: loopbackAddresses(4), firstIndex: i * share })))
  progress(`opening ${share * CLIENTS} sockets`)
  const opened = (await callAll(crowds, 'open', share)).reduce((sum, n) => sum + n, 0)
  if (opened !== share * CLIENTS) throw new Error(`only ${opened} sockets opened`)
  await observer.call('prepare', { ...place, addresses: loopbackAddresses(1), firstIndex: share * CLIENTS })
  await observer.call('open', 1)
  await sleep(QUIET_MS)

  progress(`revoking ${SINGLE} one by one`)
  const singly = await revokeSingly(crowds[0]!, database, metricsPort)
  progress('revoking all others')
  const atOnce = await revokeAll(server, observer, crowds, database, metricsPort)
  publish({
    bench: 'sockets-revocation',
    title: 'How long sockets live on after the end of their session',
    method: `${share * CLIENTS} sockets in one process, ${SINGLE} of them revoked one by one, then all others at once; server, clients and PostgreSQL on this machine. Time in the process is from its own histogram, an upper bound.`,
    versions: versionsOf(['uWebSockets.js', 'pg']),
    figures: { ...singly.figures, ...atOnce.figures },
    tables: [...singly.tables, ...atOnce.tables]
  })
})

interface Part { figures: Record<string, Figure>, tables: Table[] }

async function revokeSingly (crowd: Client, { revoke }: Database, metricsPort: number): Promise<Part> {
  const fromStatement: number[] = []
  const fromCommit: number[] = []
  const before = (await readMetrics(metricsPort)).buckets(HISTOGRAM)
  for (let index = 0; index < SINGLE; index++) {
    const closed = crowd.call('nextClose')
    const sentAt = sharedClock()
    await revoke(index, index)
    const committedAt = sharedClock()
    const close = await closed
    if (close.index !== index || close.code !== SESSION_REVOKED) throw new Error(`socket ${close.index} closed with ${close.code} when ${index} was revoked`)
    fromStatement.push(close.at - sentAt)
    fromCommit.push(close.at - committedAt)
  }
  const after = (await readMetrics(metricsPort)).buckets(HISTOGRAM)
  const inProcess = (share: number) => {
    const seconds = percentileBetween(before, after, share)
    if (seconds === undefined) throw new Error('the server has measured nothing')
    return seconds * 1000
  }
  const row = (name: string, times: number[]) => [name, ...[0.5, 0.99, 1].map(share => percentile(times, share).toFixed(2))]
  return {
    figures: {
      'sockets.revocation.process.p99': { what: 'from the message to the close frame sent, in the process, p99 at most', value: inProcess(0.99), unit: 'ms', aim: { atMost: AIM_MS.inProcess } },
      'sockets.revocation.client.p99': { what: 'from the commit of a revocation to the close frame at the client, p99', value: percentile(fromCommit, 0.99), unit: 'ms' }
    },
    tables: [{
      caption: 'One socket among many, in milliseconds',
      head: ['way', 'p50', 'p99', 'longest'],
      rows: [
        ['in the process, from the message to the close frame sent', ...[0.5, 0.99, 1].map(share => `≤ ${inProcess(share)}`)],
        row('from the answer to the commit to the close frame at the client', fromCommit),
        row('from the statement to the close frame at the client', fromStatement)
      ]
    }]
  }
}

async function revokeAll (server: ServerUnderTest, observer: Client, crowds: Client[], { revoke }: Database, metricsPort: number): Promise<Part> {
  const quiet = await probeDuring(observer, metricsPort, async () => { await sleep(QUIET_MS) })
  const left = share * CLIENTS - SINGLE
  const cpuBefore = cpuMicroseconds(server.pids)
  let [committedAt, lastAt, closed] = [0, 0, 0]
  const codes = new Set<number>()
  const busy = await probeDuring(observer, metricsPort, async () => {
    await revoke(SINGLE, share * CLIENTS - 1)
    committedAt = sharedClock()
    for (const closes of await callAll(crowds, 'untilClosed', share)) {
      lastAt = Math.max(lastAt, closes.lastAt)
      closed += closes.codes[SESSION_REVOKED] ?? 0
      for (const code of Object.keys(closes.codes)) codes.add(Number(code))
    }
    await sleep(QUIET_MS)                             // the table is read once more, with all of them in it
  })
  const cpuEach = (cpuMicroseconds(server.pids) - cpuBefore) / left
  const [lastMs, others] = [lastAt - committedAt, [...codes].filter(code => code !== SESSION_REVOKED)]
  if (closed - SINGLE !== left || others.length > 0) throw new Error(`${closed - SINGLE} of ${left} sockets closed with ${SESSION_REVOKED}; other codes: ${others.join(' ') || 'none'}`)
  const row = (name: string, { probe, lagMs }: Awaited<ReturnType<typeof probeDuring>>) => [name, String(probe.sent), ...[probe.medianMs, probe.longestMs, lagMs].map(ms => ms.toFixed(1))]
  return {
    figures: {
      'sockets.revocation.all': { what: `from the commit to the last of ${left} close frames`, value: lastMs, unit: 'ms' },
      'sockets.revocation.all.cpu': { what: 'CPU of the server for each socket that is revoked with all others', value: cpuEach, unit: 'µs' },
      'sockets.revocation.stall.quiet': { what: 'longest wait of an echo while nothing happens', value: quiet.probe.longestMs, unit: 'ms' },
      'sockets.revocation.stall': { what: 'longest wait of an echo while all others are revoked', value: busy.probe.longestMs, unit: 'ms', aim: { atMost: AIM_MS.stall } }
    },
    tables: [{
      caption: `An echo every ${PROBE_EVERY_MS} ms on a socket that is not revoked, from when it was due, in milliseconds; ${left} sockets were closed after ${Math.round(lastMs)} ms, for ${Math.round(cpuEach)} µs of CPU each`,
      head: ['while', 'echoes', 'median', 'longest', 'longest lag that the process saw'],
      rows: [row('nothing happens', quiet), row('all others are revoked', busy)]
    }]
  }
}

async function probeDuring (observer: Client, metricsPort: number, work: () => Promise<void>) {
  await readMetrics(metricsPort)                      // the longest lag counts from here
  await observer.call('startProbe', PROBE_EVERY_MS)
  await work()
  const probe = await observer.call('endProbe')
  return { probe, lagMs: (await readMetrics(metricsPort)).total(LONGEST_LAG) * 1000 }
}
