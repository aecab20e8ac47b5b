// What hostile clients can do to the server and to the others on it: one that never reads, handshakes that are cut,
// random frames. `npm run bench:sockets-hostile -- 1 7` for 1 minute of random frames, from seed 7.
// Ends with 1 when the server ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { Random } from '../refresh-simulator/random.js'
import { loopbackAddresses, startClient, type Client } from './clients.js'
import { startDatabase } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { breakHandshakes } from './hostile/broken-handshakes.js'
import { neverRead } from './hostile/never-reads.js'
import { sendRandomFrames } from './hostile/random-frames.js'
import { ResidentWatch } from './hostile/resident-watch.js'
import { fraction, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { printHead } from '../harness/report.js'
import { megabytes, percentile } from '../harness/statistics.js'
import { readMetrics } from './server-metrics.js'
import { startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown } from '../harness/teardown.js'
import { TokenMint, makeKeyFiles } from './tokens.js'

const [MINUTES, SEED] = readArguments(['minutes of random frames', fraction, 10], ['seed', wholeNumber, 1])
const ECHO_SOCKETS = 100
const MESSAGES_UNREAD = 10_000
const HANDSHAKES = 5000
const SLICE_MS = 2000
const GOOD_LOAD = { milliseconds: SLICE_MS, pauseMs: 50 }
const SETTLE_MS = 10_000

await withTeardown(async t => {
  printHead(`Hostile clients beside ${ECHO_SOCKETS} good ones, on one server process; seed ${SEED}`, ['uWebSockets.js'])
  const keys = makeKeyFiles(temporaryFolder(t))
  const { wsUrl } = await startDatabase(t)
  const metricsPort = await findFreePort()
  const server = await startOurServer(t, { databaseUrl: wsUrl, keys, metricsPort })
  const good = startClient(t)
  await good.call('prepare', { ports: [server.port], dialect: server.dialect, addresses: loopbackAddresses(1), keys, firstIndex: 1000 })
  await good.call('open', ECHO_SOCKETS)
  await good.call('echoFor', GOOD_LOAD)
  const mint = await TokenMint.open(keys)
  const tokens = Array.from({ length: 50 }, (_, i) => mint.mint(i, 0))
  const seeded = new Random(SEED)
  const random = () => seeded.next()

  const rows: Record<string, unknown> = {}
  const run = async (name: string, attack: () => Promise<string>) => {
    progress(name)
    rows[name] = await measure(server, good, attack).catch((err: unknown) => {
      console.table(rows)
      throw isAlive(server.pids[0]!) ? err : new Error(`the server ended during: ${name}`, { cause: err })
    })
  }
  await run('nothing', async () => {
    await sleep(SLICE_MS)
    return ''
  })
  await run(`${MESSAGES_UNREAD} echoes of 16 KB, none read`, async () => {
    const slow = async () => (await readMetrics(metricsPort)).total('ws_closes_total', { code: '4508' })
    const before = await slow()
    const { sent, code } = await neverRead(server.port, tokens[0]!, MESSAGES_UNREAD)
    return `${sent} sent; closed as slow consumer: ${await slow() - before}; code read afterwards: ${code ?? 'none'}`
  })
  await run(`${HANDSHAKES} handshakes reset half-way`, async () => {
    await breakHandshakes(server.port, tokens[1]!, HANDSHAKES, random)
    return ''
  })
  await run(`${MINUTES} minutes of random frames on 50 connections`, async () => {
    const { frames, connections } = await sendRandomFrames({ port: server.port, tokens, addresses: loopbackAddresses(10), random }, MINUTES * 60_000)
    return `${frames} frames, ${connections} connections`
  })
  console.table(rows)
  const left = (await readMetrics(metricsPort)).total('ws_sockets')
  console.log(`Process ${server.pids[0]} is alive. Sockets that it counts: ${left}, of which ${ECHO_SOCKETS} good.`)
})

/** Memory of the server and latency of the good sockets during an attack. @throws {Error} when the server ended */
async function measure (server: ServerUnderTest, good: Client, attack: () => Promise<string>): Promise<Record<string, unknown>> {
  const watch = new ResidentWatch(server.pids)
  try {
    const before = watch.now()
    const over = new AbortController()
    const outcome = attack().finally(() => over.abort())
    outcome.catch(() => {})                           // when the good sockets fail first, that is what is told
    const latencies: number[] = []
    do latencies.push(...(await good.call('echoFor', GOOD_LOAD)).latencies)
    while (!over.signal.aborted)
    const remark = await outcome
    await sleep(SETTLE_MS)
    return {
      'echo p50, ms': percentile(latencies, 0.5).toFixed(2),
      'echo p99, ms': percentile(latencies, 0.99).toFixed(2),
      'RSS before, MB': megabytes(before),
      'peak, MB': megabytes(watch.peak),
      [`${SETTLE_MS / 1000} s later, MB`]: megabytes(watch.now()),
      remark
    }
  } finally {
    watch.stop()
  }
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
