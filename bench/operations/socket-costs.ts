import path from 'node:path'
import { makeKeys } from '../harness/api-under-test.js'
import { progress } from '../harness/command-line.js'
import { startBenchDatabase } from '../harness/database.js'
import { residentBytes } from '../harness/process-figures.js'
import type { Teardown } from '../harness/teardown.js'
import { loopbackAddresses, startClient } from '../sockets/clients.js'
import { startOurServer } from '../sockets/server-under-test.js'
import { measureCosts, type Costs } from './costs.js'

const REAUTHS_EACH = 3

export interface SocketCosts { connect: Costs, reauth: Costs, bytesPerIdleSocket: number, residentBytes: number }

/** What opening and reauthenticating sockets costs the socket server and PostgreSQL, and the memory of an idle one. */
export async function measureSockets (t: Teardown, bits: 2048 | 4096, sockets: number): Promise<SocketCosts> {
  const keysDir = makeKeys(t, bits)
  const keys = { privatePath: path.join(keysDir, 'private.pem'), publicPath: path.join(keysDir, 'public.pem') }
  const { url, admin, postmasterPid } = await startBenchDatabase(t)
  const server = await startOurServer(t, { databaseUrl: url('ws'), keys })
  const client = startClient(t)
  await client.call('prepare', { ports: [server.port], dialect: 'ours', addresses: loopbackAddresses(1), keys, firstIndex: 0 })
  progress(`${bits} bits: minting for ${sockets} sockets`)
  for (let generation = 0; generation <= REAUTHS_EACH; generation++) await client.call('mint', { count: sockets, generation })

  const tenth = await client.call('open', Math.ceil(sockets / 10))
  const place = { admin, parts: { sockets: server.pids[0]!, postgres: postmasterPid } }
  const residentBefore = residentBytes(server.pids)
  progress(`${bits} bits: connects`)
  let opened = 0
  const connect = await measureCosts(place, async () => {
    opened = await client.call('open', sockets)
    if (opened !== sockets - tenth) throw new Error(`${opened} of ${sockets - tenth} sockets opened`)
    return opened
  })
  const resident = residentBytes(server.pids)
  progress(`${bits} bits: reauths`)
  const reauth = await measureCosts(place, async () => {
    let done = 0
    for (let generation = 1; generation <= REAUTHS_EACH; generation++) done += await client.call('reauth', generation)
    if (done !== sockets * REAUTHS_EACH) throw new Error(`${done} of ${sockets * REAUTHS_EACH} reauths succeeded`)
    return done
  })
  return { connect, reauth, bytesPerIdleSocket: (resident - residentBefore) / opened, residentBytes: residentBefore }
}
