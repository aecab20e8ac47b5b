// How long sockets live on after the end of their session: single users among many, then nearly all at once.
// `npm run bench:sockets-revocation -- 2000 50` for other than 19,000 sockets and 200 users.
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { callAll, loopbackAddresses, startClient, type Client } from './clients.js'
import { sharedClock } from './crowd.js'
import { startDatabase, type Database } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import { numberArgument, progress } from '../harness/command-line.js'
import { printHead } from '../harness/report.js'
import { percentile } from '../harness/statistics.js'
import { percentileBetween, readMetrics } from './server-metrics.js'
import { startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown } from '../harness/teardown.js'
import { makeKeyFiles } from './tokens.js'

const COUNT = numberArgument(0, 'count', 19_000)
const SINGLE = numberArgument(1, 'single', 200)
const CLIENTS = 2
const share = Math.floor(COUNT / CLIENTS)
const PROBE_EVERY_MS = 5
const QUIET_MS = 3000
const AIM_MS = { inProcess: 5, stall: 50 }
const SESSION_REVOKED = 4410
const HISTOGRAM = 'ws_revocation_close_seconds'
const LONGEST_LAG = 'nodejs_eventloop_lag_max_seconds'

await withTeardown(async t => {
  printHead(`${share * CLIENTS} sockets in one process, ${SINGLE} of them revoked one by one, then all others at once; server, clients and PostgreSQL on this machine`, ['uWebSockets.js', 'pg'])
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
  await revokeSingly(crowds[0]!, database, metricsPort)
  progress('revoking all others')
  await revokeAll(server, observer, crowds, database, metricsPort)
})

async function revokeSingly (crowd: Client, { revoke }: Database, metricsPort: number): Promise<void> {
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
    return seconds === undefined ? 'not measured' : `≤ ${seconds * 1000}`
  }
  const row = (times: number[]) => ({ 'p50, ms': percentile(times, 0.5).toFixed(2), 'p99, ms': percentile(times, 0.99).toFixed(2), 'max, ms': Math.max(...times).toFixed(2) })
  console.table({
    'in the process, from the message to the close frame sent': { 'p50, ms': inProcess(0.5), 'p99, ms': inProcess(0.99), 'max, ms': inProcess(1), 'aim for p99, ms': `≤ ${AIM_MS.inProcess}` },
    'from the answer to the commit to the close frame at the client': row(fromCommit),
    'from the statement to the close frame at the client': row(fromStatement)
  })
}

async function revokeAll (server: ServerUnderTest, observer: Client, crowds: Client[], { revoke }: Database, metricsPort: number): Promise<void> {
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
  console.table({
    'sockets revoked at once': left,
    'closed with 4410': closed - SINGLE,
    'other codes': [...codes].filter(code => code !== SESSION_REVOKED).join(' ') || 'none',
    'from the answer to the commit to the last close frame, ms': Math.round(lastAt - committedAt),
    'server CPU each, µs': Math.round((cpuMicroseconds(server.pids) - cpuBefore) / left)
  })
  const row = ({ probe, lagMs }: Awaited<ReturnType<typeof probeDuring>>) => ({
    'echoes sent': probe.sent,
    'median, ms': probe.medianMs.toFixed(1),
    'longest, ms': probe.longestMs.toFixed(1),
    'longest lag that the process saw, ms': lagMs.toFixed(1)
  })
  console.log(`An echo every ${PROBE_EVERY_MS} ms on a socket that is not revoked, from when it was due. Aim: longest at most ${AIM_MS.stall} ms`)
  console.table({ before: row(quiet), 'while all others are revoked': row(busy) })
}

async function probeDuring (observer: Client, metricsPort: number, work: () => Promise<void>) {
  await readMetrics(metricsPort)                      // the longest lag counts from here
  await observer.call('startProbe', PROBE_EVERY_MS)
  await work()
  const probe = await observer.call('endProbe')
  return { probe, lagMs: (await readMetrics(metricsPort)).total(LONGEST_LAG) * 1000 }
}
