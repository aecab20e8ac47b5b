import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { SocketClient, connect } from './fixtures/socket-client.js'
import { SocketProcesses } from './fixtures/socket-processes.js'
import { PAGE, createSocketEnv } from './fixtures/socket-server.js'
import { sellTicket } from './fixtures/tickets.js'

const SOURCE = fileURLToPath(new URL('fixtures/filled-allocations.c', import.meta.url))
const isMissing = spawnSync('gcc', ['--version']).error !== undefined
const skip = isMissing && process.env['CI'] !== 'true' ? 'gcc is not installed' : false

t.test('nothing allocates while the library upgrades a connection, not even for the first ones of a process', { skip }, async t => {
  const library = path.join(t.testdir(), 'filled-allocations.so')
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-fno-builtin', '-nostdlib', '-o', library, SOURCE])
  for (let start = 0; start < 3; start++) {
    const { env, keys, database } = await createSocketEnv(t)
    const processes = new SocketProcesses(t, { ...env, LD_PRELOAD: library })
    await processes.isReady()
    // Tickets: while they are looked up the library has done with the request.
    const ws = (ticket: string) => `ws://127.0.0.1:${env['PORT']}/ws?ticket=${ticket}`
    t.match(await new SocketClient(ws(randomBytes(32).toString('base64url')), { origin: PAGE }).closed, { code: 4401 })
    for (let count = 0; count < 10; count++) {
      const ticket = await sellTicket(database.pool, keys.kid)
      await t.resolves(connect(ws(ticket)).then(async client => await client.leave()))
    }
    processes.server.kill()
    t.strictSame(await processes.exited, [0, null])
  }
})
