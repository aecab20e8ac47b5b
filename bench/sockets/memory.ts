// Memory of idle authenticated sockets in one server process, ours beside others.
// `npm run bench:sockets-memory -- 2000` for other than 19,000 sockets.
import { setTimeout as sleep } from 'node:timers/promises'
import { callAll, loopbackAddresses, startClient } from './clients.js'
import { startDatabase } from './database.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { residentBytes } from '../harness/process-figures.js'
import { numberArgument, progress } from '../harness/command-line.js'
import { printHead } from '../harness/report.js'
import { megabytes } from '../harness/statistics.js'
import { startComparedServer, startOurServer, type ServerUnderTest } from './server-under-test.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { makeKeyFiles } from './tokens.js'

const COUNT = numberArgument(0, 'count', 19_000)
const CLIENTS = 2
const share = Math.floor(COUNT / CLIENTS)
const SETTLE_MS = 15_000
/** V8 gives back what the start has needed when nothing has happened for 10 to 20 seconds. */
const SETTLE_FIRST_MS = 30_000
const AIM = { bytesPerSocket: 3072, baseMb: 75 }

await withTeardown(async t => {
  printHead(`${share * CLIENTS} idle sockets in one process; each has a user, a session and an access token of its own`, ['uWebSockets.js', 'ws', 'socket.io', 'jose'])
  const keys = makeKeyFiles(temporaryFolder(t))
  const { wsUrl } = await startDatabase(t)
  const servers: Record<string, (t: Teardown) => Promise<ServerUnderTest>> = {
    ours: t => startOurServer(t, { databaseUrl: wsUrl, keys }),
    'uWebSockets.js, no authentication': t => startComparedServer(t, 'raw', keys),
    'ws, jose': t => startComparedServer(t, 'ws', keys),
    'Socket.IO, jose': t => startComparedServer(t, 'socket.io', keys)
  }
  const clients = Array.from({ length: CLIENTS }, () => startClient(t))
  const rows: Record<string, unknown> = {}
  for (const [name, start] of Object.entries(servers)) {
    progress(name)
    await withTeardown(async own => {
      const server = await start(own)
      await Promise.all(clients.map((client, i) => client.call('prepare', { ports: [server.port], dialect: server.dialect, addresses: loopbackAddresses(4), keys, firstIndex: i * share })))
      await callAll(clients, 'mint', { count: share, generation: 0 })
      const openEach = async (count: number) => (await callAll(clients, 'open', count)).reduce((sum, n) => sum + n, 0)
      await sleep(SETTLE_FIRST_MS)
      const before = residentBytes(server.pids)
      const few = await openEach(Math.floor(share / 10))
      await sleep(SETTLE_MS)
      const withFew = residentBytes(server.pids)
      const opened = few + await openEach(share)
      const atOnce = residentBytes(server.pids)
      await sleep(SETTLE_MS)
      const settled = residentBytes(server.pids)
      await callAll(clients, 'reset')
      rows[name] = {
        opened,
        'before, MB': megabytes(before),
        'a tenth, MB': megabytes(withFew),
        'all, MB': megabytes(atOnce),
        [`${SETTLE_MS / 1000} s later, MB`]: megabytes(settled),
        'bytes per socket': Math.round((settled - before) / opened),
        'bytes per socket after the first tenth': Math.round((settled - withFew) / (opened - few))
      }
    })
  }
  console.table(rows)
  console.log('What V8 has not collected yet when the first figure is read makes a socket look smaller; less so after the first tenth.')
  console.log(`Aims for ours: at most ${AIM.bytesPerSocket} bytes per socket, at most ${AIM.baseMb} MB before.`)
})
