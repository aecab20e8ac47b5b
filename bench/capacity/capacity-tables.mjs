import { bottlenecksOf } from './bottlenecks.mjs'
import { LIMITS, LOAD } from './load.mjs'
import { needsOf } from './needs.mjs'

const TIMES = [1, 10, 100]
const RATES = {
  login: 'sign-ins',
  refresh: 'refreshes',
  logout: 'sign-outs',
  protectedFirst: 'protected calls, the first with an access token',
  protected: 'protected calls, the others',
  connect: 'sockets opened',
  reauth: 'reauths of sockets',
  event: 'events'
}
const CORES = { hashing: 'password hashes', api: 'API', postgres: 'PostgreSQL, without the sending of ended sessions', redis: 'Redis, one thread each', sockets: 'socket server', worker: 'worker', broker: 'RabbitMQ' }
const AMOUNTS = {
  commits: 'PostgreSQL: transactions that write, a second',
  walMegabytes: 'PostgreSQL: write-ahead log, MB a second',
  sessions: 'rows of sessions',
  diskTerabytes: 'disk for sessions and audit log, TB',
  redisCommands: 'Redis: commands a second',
  brokerMessages: 'RabbitMQ: messages a second in all queues',
  rowsRead: 'rows of ended sessions that each process reads a second',
  readingShare: 'cores of each process that go into that',
  readingCores: 'PostgreSQL: cores that go into sending them to all processes',
  deliveries: 'news of ended sessions a second, to all processes together',
  openSockets: 'open sockets',
  socketProcesses: 'socket processes',
  socketGigabytes: 'memory of sockets, their processes and the kernel, GB',
  socketNodes: 'socket nodes'
}

/**
 * The tables of docs/capacity.md as Markdown, by the names of their marks.
 * @param measurements as `readMeasurements` gives them
 * @param {Record<string, number>} changes of the load and the limits, by name
 * @returns {Record<string, string>}
 * @throws {Error} which figure or name there is none of, and what cannot be
 */
export function capacityTables (measurements, changes = {}) {
  const needs = TIMES.map(times => needsOf(measurements, changes, times))
  const bottlenecks = needs.map(bottlenecksOf)
  const { numbers } = needs[0]
  const columns = TIMES.map(times => times === 1 ? 'this load' : `${times} times`)
  const originOf = name => {
    const { value, figure } = LIMITS[name]
    if (name in changes) return 'given'
    if (typeof value === 'function') return 'counted'
    return measurements.figures[`operations.${figure}`] === undefined ? 'assumed' : 'measured'
  }
  return {
    machine: `Measured on ${measurements.date} with ${measurements.machine.cores} cores (${measurements.machine.cpu}), Node.js ${measurements.machine.node}. ${spreadOf(measurements)}\n`,
    load: table(['name', 'value', 'is'], Object.entries(LOAD).map(([name, { means }]) => [`\`${name}\``, numbers[name].toLocaleString('en'), means])),
    rates: table(['at the peak, a second', ...columns], rowsOf(RATES, needs, ({ perSecond }) => perSecond)),
    cores: table(['cores', ...columns], rowsOf(CORES, needs, ({ cores }) => cores)),
    amounts: table(['what', ...columns], rowsOf(AMOUNTS, needs, amounts => amounts)),
    sockets: `The cores of the socket processes are ${show(100 * needs[0].socketBusyShare)} % busy: they wait. Memory or cores decide how many nodes there are, whichever needs more; here ${needs[0].socketGigabytes / numbers.nodeGigabytes >= needs[0].cores.sockets / numbers.nodeCores ? 'memory' : 'cores'}.\n`,
    redis: `A protected call sends one command. It took ${show(measurements.figures[`operations.protected.${numbers.keyBits}.redisCpu`].value)} µs of Redis beside a single API; one of a busy Redis takes ${show(numbers.redisMicroseconds)} µs (${originOf('redisMicroseconds')}).\n`,
    limits: table(['name', 'value', 'is', 'because'], Object.entries(LIMITS).map(([name, { means, source }]) => {
      const origin = originOf(name)
      return [`\`${name}\``, ['counted', 'measured'].includes(origin) ? show(numbers[name]) : numbers[name].toLocaleString('en'), means, `${origin}: ${source}`]
    })),
    bottlenecks: table(['what gives way', 'limit', 'full at so many sign-ins a day', ...columns, 'what takes over'], bottlenecks[0].map(({ name, what, remedy, parts }) =>
      [what, `\`${name}\``, parts === 0 ? 'never' : show(numbers.loginsPerDay / parts), ...bottlenecks.map(all => show(all.find(one => one.name === name).parts)), remedy])),
    cells: table(['cells', ...columns], cellRows(needs, bottlenecks))
  }
}

function cellRows (needs, bottlenecks) {
  const cells = bottlenecks.map(([first]) => Math.max(1, Math.ceil(first.parts)))
  const each = (what, of) => [`in each: ${what}`, ...needs.map((amounts, n) => show(of(amounts, cells[n])))]
  return [
    ['gives way first', ...bottlenecks.map(([{ what, parts }]) => parts <= 1 ? 'nothing' : what)],
    ['gives way next', ...bottlenecks.map(([, { what, parts }]) => parts <= 1 ? 'nothing' : what)],
    ['how many cells end it', ...cells.map(show)],
    each('sign-ins a day', ({ numbers, perSecond }, n) => perSecond.login * 86_400 / numbers.peakFactor / n),
    each('cores of PostgreSQL, the sending of ended sessions included', ({ cores, readingCores }, n) => cores.postgres / n + readingCores / n ** 2),
    each('cores that hash passwords', ({ cores }, n) => cores.hashing / n),
    each('API processes, one for each core', ({ cores }, n) => cores.api / n),
    each('socket processes', ({ socketProcesses }, n) => socketProcesses / n)
  ]
}

function rowsOf (names, needs, of) {
  return Object.entries(names).map(([name, what]) => [what, ...needs.map(one => show(of(one)[name]))])
}

function spreadOf ({ figures }) {
  const spreads = Object.entries(figures)
    .filter(([id, { value, low }]) => id.endsWith('Cpu') && low !== undefined && value > 0)
    .map(([, { value, low, high }]) => (high - low) / value).sort((a, b) => a - b)
  if (spreads.length === 0) return 'One run, without ranges.'
  return `Medians of rounds: half of the CPU times differ by up to ${show(100 * spreads[Math.floor(spreads.length / 2)])} % from the lowest round to the highest, the others by more.`
}

function table (head, rows) {
  const line = cells => `| ${cells.join(' | ')} |\n`
  return `${line(head)}|${'---|'.repeat(head.length)}\n${rows.map(line).join('')}`
}

/** Two digits, with commas: what is estimated is not known better. */
export function show (value) {
  return Number(value.toPrecision(2)).toLocaleString('en', { maximumSignificantDigits: 2 })
}
