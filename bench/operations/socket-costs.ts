import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeKeys } from '../harness/api-under-test.js'
import { progress } from '../harness/command-line.js'
import { startBenchDatabase } from '../harness/database.js'
import { residentBytes } from '../harness/process-figures.js'
import type { Teardown } from '../harness/teardown.js'
import { loopbackAddresses, startClient, type Client } from '../sockets/clients.js'
import { startOurServer } from '../sockets/server-under-test.js'
import { COLLECTED_MS, measureCosts, type Costs, type Place } from './costs.js'

/** V8 gives back what a start or a crowd has needed when nothing has happened for 10 to 20 seconds. */
const SETTLE_MS = 20_000

export interface SocketCosts {
  /** Of each round, by operation and size of the key, such as `connect.4096`. */
  costs: Array<[string, Costs]>
  /** Resident memory of a server process without sockets, and what each idle socket adds to it. */
  serverBytes: number
  idleSocketBytes: number
}

interface Crowd { bits: number, place: Place, pids: number[], client: Client, open: number }

/**
 * What opening and reauthenticating sockets costs the socket server and PostgreSQL, and the memory of an idle one. The
 * sizes of keys take turns.
 * @param sockets in all: each round opens its share of them, and then each reauthenticates all
 */
export async function measureSockets (t: Teardown, sizes: ReadonlyArray<2048 | 4096>, sockets: number, rounds: number): Promise<SocketCosts> {
  const crowds: Crowd[] = []
  for (const bits of sizes) crowds.push(await prepare(t, bits, sockets, rounds))
  const costs: Array<[string, Costs]> = []
  const takeTurns = async (operation: string, work: (crowd: Crowd, round: number) => Promise<number>) => {
    for (let round = 1; round <= rounds; round++) {
      for (const crowd of round % 2 === 1 ? crowds : crowds.toReversed()) {
        progress(`round ${round} of ${rounds}, ${crowd.bits} bits: ${operation}s`)
        costs.push([`${operation}.${crowd.bits}`, await measureCosts(crowd.place, () => work(crowd, round), COLLECTED_MS)])
      }
    }
  }
  const { pids } = crowds[0]!
  await sleep(SETTLE_MS)
  const serverBytes = residentBytes(pids)
  for (const crowd of crowds) crowd.open = await crowd.client.call('open', Math.ceil(sockets / 10))    // warms up
  await takeTurns('connect', openShare(sockets, rounds))
  await sleep(SETTLE_MS)
  const idleSocketBytes = (residentBytes(pids) - serverBytes) / sockets
  await takeTurns('reauth', async ({ client }, round) => {
    const done = await client.call('reauth', round)
    if (done !== sockets) throw new Error(`${done} of ${sockets} reauths succeeded`)
    return done
  })
  return { costs, serverBytes, idleSocketBytes }
}

function openShare (sockets: number, rounds: number): (crowd: Crowd, round: number) => Promise<number> {
  return async (crowd, round) => {
    const wanted = Math.ceil((sockets - crowd.open) / (rounds - round + 1))
    const opened = await crowd.client.call('open', crowd.open + wanted)
    if (opened !== wanted) throw new Error(`${opened} of ${wanted} sockets opened`)
    crowd.open += opened
    return opened
  }
}

async function prepare (t: Teardown, bits: 2048 | 4096, sockets: number, rounds: number): Promise<Crowd> {
  const keysDir = makeKeys(t, bits)
  const keys = { privatePath: path.join(keysDir, 'private.pem'), publicPath: path.join(keysDir, 'public.pem') }
  const { url, admin, postmasterPid } = await startBenchDatabase(t)
  const server = await startOurServer(t, { databaseUrl: url('ws'), keys })
  const client = startClient(t)
  await client.call('prepare', { ports: [server.port], dialect: 'ours', addresses: loopbackAddresses(1), keys, firstIndex: 0 })
  progress(`${bits} bits: minting for ${sockets} sockets`)
  for (let generation = 0; generation <= rounds; generation++) await client.call('mint', { count: sockets, generation })
  return { bits, place: { admin, parts: { sockets: server.pids[0]!, postgres: postmasterPid } }, pids: server.pids, client, open: 0 }
}
