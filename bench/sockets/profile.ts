// Which functions of our server cost the most, by V8's profiler: what connects, reauths, echoes and ends of sessions
// spend. `npm run bench:sockets-profile -- echo` for one of them alone. The profiler sees the main thread.
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { loopbackAddresses, startClient, type Client } from './clients.js'
import { profilingOptions, readHotSpots } from './cpu-profile.js'
import { startDatabase, type Database } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { oneOf, progress, readArguments } from '../harness/command-line.js'
import { printHead } from '../harness/report.js'
import { startOurServer } from './server-under-test.js'
import { withTeardown } from '../harness/teardown.js'
import { makeKeyFiles } from './tokens.js'

const SPOTS = 25
const LOAD_MS = 6000
const ECHO_SOCKETS = 100
const REVOKED_SOCKETS = 8000
const REAUTH_SOCKETS = 500
const REAUTHS_EACH = 10

type Load = (client: Client, port: number, database: Database) => Promise<number>

const LOADS: Record<string, { sockets: number, tokens: number, run: Load }> = {
  connect: { sockets: 0, tokens: 6000, run: (client, port) => client.call('connectFor', { port, dialect: 'ours', milliseconds: LOAD_MS }) },
  reauth: { sockets: REAUTH_SOCKETS, tokens: REAUTH_SOCKETS, run: reauthAgainAndAgain },
  echo: { sockets: ECHO_SOCKETS, tokens: ECHO_SOCKETS, run: async client => (await client.call('echoFor', { milliseconds: LOAD_MS })).answered },
  revoke: { sockets: REVOKED_SOCKETS, tokens: REVOKED_SOCKETS, run: revokeAll }
}

const [wanted] = readArguments(['what is profiled', oneOf('all', ...Object.keys(LOADS)), 'all'])

await withTeardown(async t => {
  printHead('Where our server spends its time: own time of functions of the main thread', ['uWebSockets.js', 'jose', 'pg'])
  const keys = makeKeyFiles(temporaryFolder(t))
  const database = await startDatabase(t)
  for (const [name, { sockets, tokens, run }] of Object.entries(LOADS)) {
    if (wanted !== 'all' && wanted !== name) continue
    await withTeardown(async own => {
      progress(name)
      const folder = path.join(temporaryFolder(own), 'profile')
      mkdirSync(folder)
      const server = await startOurServer(own, { databaseUrl: database.wsUrl, keys, nodeOptions: profilingOptions(folder) })
      const client = startClient(own)
      await client.call('prepare', { ports: [server.port], dialect: 'ours', addresses: loopbackAddresses(4), keys, firstIndex: 0 })
      await client.call('mint', { count: tokens, generation: 0 })
      await client.call('open', sockets)
      const done = await run(client, server.port, database)
      await client.call('reset')
      await server.stop()
      const { busyMs, spots } = readHotSpots(folder)
      console.log(`\n${name}: ${done} times; ${Math.round(busyMs)} ms busy, start and opening of ${sockets} sockets included`)
      console.table(spots.slice(0, SPOTS).map(({ place, ms }) => ({ place, ms: Math.round(ms), '%': (100 * ms / busyMs).toFixed(1) })))
    })
  }
})

async function reauthAgainAndAgain (client: Client): Promise<number> {
  let done = 0
  for (let generation = 1; generation <= REAUTHS_EACH; generation++) done += await client.call('reauth', generation)
  return done
}

async function revokeAll (client: Client, _port: number, { revoke }: Database): Promise<number> {
  await revoke(0, REVOKED_SOCKETS - 1)
  const { codes } = await client.call('untilClosed', REVOKED_SOCKETS)
  await sleep(3000)                                   // the table is read once more
  return codes[4410] ?? 0
}
