import { LIMITS, LOAD, loadWith } from './load.mjs'
import { bottlenecksOf, needsOf } from './needs.mjs'

const TIMES = [1, 10, 100]
const PARTS = { api: 'API', hashing: 'password hashes', postgres: 'PostgreSQL', redis: 'Redis', worker: 'worker', broker: 'RabbitMQ', sockets: 'socket server' }
const AMOUNTS = {
  commits: 'PostgreSQL: transactions that write, a second',
  walMegabytes: 'PostgreSQL: write-ahead log, MB a second',
  sessions: 'rows of sessions',
  diskTerabytes: 'disk for sessions and audit log, TB',
  redisCommands: 'Redis: commands a second',
  brokerMessages: 'RabbitMQ: messages a second',
  revocations: 'ended sessions a second, told to every process',
  openSockets: 'open sockets',
  socketProcesses: 'socket processes',
  socketNodes: 'socket nodes',
  socketGigabytes: 'memory of sockets, GB'
}

/**
 * The tables of docs/capacity.md as Markdown, by the names of their marks.
 * @param measurements as `bench/results/operations.json` holds them
 * @param {Record<string, number>} changes of the load, by name
 * @returns {Record<string, string>}
 * @throws {Error} which figure or name there is none of
 */
export function capacityTables (measurements, changes = {}) {
  const load = loadWith(changes)
  const needs = TIMES.map(times => needsOf(measurements, changes, times))
  const columns = TIMES.map(times => times === 1 ? 'this load' : `${times} times`)
  const figures = Object.entries(measurements.figures).filter(([id]) => id.startsWith('operations.'))
  return {
    machine: `Measured on ${measurements.date} with ${measurements.machine.cores} cores (${measurements.machine.cpu}), Node.js ${measurements.machine.node}.\n`,
    load: table(['name', 'value', 'is'], Object.entries(LOAD).map(([name, { means }]) => [`\`${name}\``, load[name].toLocaleString('en'), means])),
    rates: table(['at the peak, a second', ...columns], Object.keys(needs[0].perSecond).map(operation => [operation, ...needs.map(({ perSecond }) => show(perSecond[operation]))])),
    cores: table(['cores', ...columns], Object.entries(PARTS).map(([part, name]) => [name, ...needs.map(({ cores }) => show(cores[part]))])),
    amounts: table(['what', ...columns], Object.entries(AMOUNTS).map(([name, what]) => [what, ...needs.map(amounts => show(amounts[name]))])),
    limits: table(['name', 'one bears', 'because'], Object.entries(LIMITS).map(([name, { value, means, source }]) => [`\`${name}\``, `${show(value)} ${means}`, source])),
    bottlenecks: table(['limit', 'one is full at so many sign-ins a day', ...columns], bottlenecksOf(needs[0]).map(({ name, nodes }) =>
      [`\`${name}\``, show(load.loginsPerDay / nodes), ...needs.map(amounts => show(bottlenecksOf(amounts).find(one => one.name === name).nodes))])),
    measured: table(['figure', 'value'], figures.map(([id, { value, unit }]) => [`\`${id}\``, `${show(value)} ${unit}`.trim()]))
  }
}

function table (head, rows) {
  const line = cells => `| ${cells.join(' | ')} |\n`
  return `${line(head)}|${'---|'.repeat(head.length)}\n${rows.map(line).join('')}`
}

/** Three digits, with commas. */
function show (value) {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 2 })
}
