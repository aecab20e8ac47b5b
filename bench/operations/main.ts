// What one operation costs each part of the system, in CPU time, writes and memory: what docs/capacity.md counts with.
// `npm run bench:operations -- 1000 2000` for 1,000 of each request and 2,000 sockets.
import { cpuUsage } from 'node:process'
import bcrypt from 'bcrypt'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { publish, versionsOf, type Figure } from '../harness/measurements.js'
import { withTeardown } from '../harness/teardown.js'
import { measureApi } from './api-costs.js'
import type { Costs, Part } from './costs.js'
import { measureEvents } from './event-costs.js'
import { measureSockets } from './socket-costs.js'

const [OPERATIONS, SOCKETS] = readArguments(['operations', wholeNumber, 2000], ['sockets', wholeNumber, 4000])
const BITS = [4096, 2048] as const
const EVENTS_EACH = 3
const HASH_COST = 12
const HASHES = 4
const PARTS: Part[] = ['api', 'postgres', 'redis', 'worker', 'broker', 'sockets']

const figures: Record<string, Figure> = {}
const rows: string[][] = []

function add (id: string, { cpu, walBytes, commits, redisCommands }: Costs): void {
  const note = (name: string, what: string, value: number, unit: string) => { figures[`operations.${id}.${name}`] = { what: `${id}: ${what}`, value: Number(value.toPrecision(4)), unit } }
  for (const part of PARTS) if (cpu[part] !== undefined) note(`${part}Cpu`, `CPU of ${part}`, cpu[part], 'µs')
  note('walBytes', 'write-ahead log', walBytes, 'B')
  note('commits', 'transactions that write', commits, '')
  if (cpu.redis !== undefined) note('redisCommands', 'commands of Redis', redisCommands, '')
  rows.push([id, ...PARTS.map(part => cpu[part]?.toFixed(0) ?? ''), walBytes.toFixed(0), commits.toFixed(2), cpu.redis === undefined ? '' : redisCommands.toFixed(2)])
}

for (const bits of BITS) {
  await withTeardown(async t => {
    const { costs, sizes } = await measureApi(t, bits, OPERATIONS)
    for (const [operation, cost] of Object.entries(costs)) add(`${operation}.${bits}`, cost)
    for (const { relation, rows, tableBytes, indexBytes } of sizes) {
      figures[`operations.bytes.${relation}`] = { what: `${relation}: table and indexes for each row`, value: Math.round((tableBytes + indexBytes) / rows), unit: 'B' }
    }
  })
  await withTeardown(async t => {
    const { connect, reauth, bytesPerIdleSocket, residentBytes } = await measureSockets(t, bits, SOCKETS)
    add(`connect.${bits}`, connect)
    add(`reauth.${bits}`, reauth)
    figures['operations.socket.bytes'] = { what: 'resident memory of an idle socket', value: Math.round(bytesPerIdleSocket), unit: 'B' }
    figures['operations.socketServer.bytes'] = { what: 'resident memory of a socket server with few sockets', value: residentBytes, unit: 'B' }
  })
}
await withTeardown(async t => add('event', await measureEvents(t, EVENTS_EACH * OPERATIONS)))
figures['operations.hash.cpu'] = { what: `one bcrypt hash of cost ${HASH_COST}`, value: await hashCpu(), unit: 'µs' }

publish({
  bench: 'operations',
  title: 'What one operation costs',
  method: `CPU time of whole processes (of PostgreSQL and RabbitMQ all of theirs) over ${OPERATIONS} requests, 16 at once, ${SOCKETS} sockets and ${EVENTS_EACH * OPERATIONS} events, divided by their number; ` +
    'what a part does by itself meanwhile is in it. Password hashes are apart: they are other processes. A population with the history of a month; counters of limits in Redis when it is installed, ' +
    'events through RabbitMQ. cold: each touches pages that nothing has written to since the last checkpoint, as in a database that is much larger than what a checkpoint interval writes.',
  versions: versionsOf(['fastify', 'pg', 'jose', 'uWebSockets.js', 'bcrypt']),
  figures,
  tables: [{ caption: 'For each operation: CPU microseconds by part, bytes of write-ahead log, transactions that write, commands of Redis', head: ['operation', ...PARTS, 'WAL bytes', 'commits', 'Redis'], rows }]
})

async function hashCpu (): Promise<number> {
  progress('hashes')
  const hash = await bcrypt.hash('x'.repeat(64), HASH_COST)
  const before = cpuUsage()
  for (let n = 0; n < HASHES; n++) await bcrypt.compare('x'.repeat(64), hash)
  const { user, system } = cpuUsage(before)
  return Math.round((user + system) / HASHES)
}
