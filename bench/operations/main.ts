// What one operation costs each part of the system, in CPU time, writes and memory: what docs/capacity.md counts with.
// `npm run bench:operations -- 200 1000 2` for 200 of each request a round, 1,000 sockets and 2 rounds.
import { cpuUsage } from 'node:process'
import bcrypt from 'bcrypt'
import { readSizes } from '../growth/sizes.js'
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure } from '../harness/measurements.js'
import { withTeardown } from '../harness/teardown.js'
import { COLD_EACH, measureRound, usersOfRound } from './api-costs.js'
import { openApi, type ApiUnderMeasure } from './api-under-measure.js'
import type { Costs } from './costs.js'
import { measureEvents } from './event-costs.js'
import { costFigures, costRow, COST_HEAD } from './operation-figures.js'
import { measureBusyRedis } from './redis-costs.js'
import { measureRevocations } from './revocation-costs.js'
import { measureSockets } from './socket-costs.js'

const [OPERATIONS, SOCKETS, ROUNDS] = readArguments(['operations', wholeNumber, 400], ['sockets', wholeNumber, 3000], ['rounds', wholeNumber, 3])
const BITS = [4096, 2048] as const
const EVENTS_EACH = 4
const HASH_COST = 12
const HASHES = 4

const costs = new Map<string, Costs[]>()
const figures: Record<string, Figure> = {}
const add = (id: string, cost: Costs) => { costs.set(id, [...costs.get(id) ?? [], cost]) }

await withTeardown(async t => {
  const apis = new Map<number, ApiUnderMeasure>()
  for (const bits of BITS) apis.set(bits, await openApi(t, bits, ROUNDS * usersOfRound(OPERATIONS)))
  for (let round = 1; round <= ROUNDS; round++) {
    for (const bits of round % 2 === 1 ? BITS : BITS.toReversed()) {
      const measured = await measureRound(apis.get(bits)!, `round ${round} of ${ROUNDS}, ${bits} bits`, OPERATIONS)
      for (const [operation, cost] of Object.entries(measured)) add(`${operation}.${bits}`, cost)
    }
  }
  const { place, database } = apis.get(BITS[0])!
  for (const cost of await measureRevocations(place, ROUNDS)) add('revocationRow', cost)
  for (const { relation, rows, tableBytes, indexBytes } of await readSizes(database)) {
    figures[`operations.bytes.${relation}`] = { what: `${relation}: table and indexes for each row`, value: Math.round((tableBytes + indexBytes) / rows), unit: 'B' }
  }
})
await withTeardown(async t => {
  const { costs: measured, idleSocketBytes, serverBytes } = await measureSockets(t, BITS, SOCKETS, ROUNDS)
  for (const [id, cost] of measured) add(id, cost)
  figures['operations.socket.bytes'] = { what: 'resident memory of an idle socket', value: Math.round(idleSocketBytes), unit: 'B' }
  figures['operations.socketServer.bytes'] = { what: 'resident memory of a socket server without sockets', value: serverBytes, unit: 'B' }
})
await withTeardown(async t => {
  for (const cost of await measureEvents(t, EVENTS_EACH * OPERATIONS, ROUNDS)) add('event', cost)
})
await withTeardown(async t => {
  const values = await measureBusyRedis(t, ROUNDS)
  if (values.length > 0) figures['operations.redisCommand.busyCpu'] = figureOf('one count of a limit in a busy Redis', 'µs', values)
})
const hashes: number[] = []
for (let round = 1; round <= ROUNDS; round++) hashes.push(await hashCpu())
figures['operations.hash.cpu'] = figureOf(`one bcrypt hash of cost ${HASH_COST}`, 'µs', hashes)

publish({
  bench: 'operations',
  title: 'What one operation costs',
  method: `CPU time of whole processes (of PostgreSQL and RabbitMQ all of theirs), as the scheduler counts it, divided by the number of operations; medians and ranges of ${ROUNDS} rounds, in which both sizes of keys take turns. A round has ${OPERATIONS} of each request, ` +
    `ten times as many protected calls and ${COLD_EACH} of each cold request, 16 at once (2 sign-ins), and ${EVENTS_EACH * OPERATIONS} events; ${SOCKETS} sockets are opened by the rounds together and reauthenticated in each. What a part does by itself meanwhile is in it. Password hashes are apart: they are other processes. ` +
    'A population with the history of a month; counters of limits in Redis when it is installed, events through RabbitMQ. cold: each touches pages that nothing has written to since the last checkpoint, as in a database that is much larger than what a checkpoint interval writes. ' +
    'protectedFirst: the first call with an access token, which has to be verified. revocationRow: each time that a process reads the row of an ended session.',
  versions: versionsOf(['fastify', 'pg', 'jose', 'uWebSockets.js', 'bcrypt']),
  figures: { ...Object.fromEntries([...costs].flatMap(([id, rounds]) => costFigures(id, rounds))), ...figures },
  tables: [{
    caption: 'For each operation, medians (ranges): CPU microseconds by part, bytes of write-ahead log, transactions that write, commands of Redis',
    head: ['operation', ...COST_HEAD],
    rows: [...costs].map(([id, rounds]) => [id, ...costRow(rounds)])
  }, {
    caption: 'Of one at a time',
    head: ['what', 'value'],
    rows: Object.values(figures).map(({ what, value, unit }) => [what, `${Number(value.toPrecision(2)).toLocaleString('en')} ${unit}`])
  }]
})

async function hashCpu (): Promise<number> {
  progress('hashes')
  const hash = await bcrypt.hash('x'.repeat(64), HASH_COST)
  const before = cpuUsage()
  for (let n = 0; n < HASHES; n++) await bcrypt.compare('x'.repeat(64), hash)
  const { user, system } = cpuUsage(before)
  return Math.round((user + system) / HASHES)
}
