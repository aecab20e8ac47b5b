import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

interface Needs { perSecond: Record<string, number>, cores: Record<string, number>, walMegabytes: number, commits: number, redisCommands: number, brokerMessages: number, openSockets: number, diskTerabytes: number, rowsRead: number, readingCores: number }
interface Measurements { bench: string, file: string, date: string, machine: { cores: number, cpu: string, node: string }, figures: Record<string, { value: number, unit: string }> }

const moduleOf = async (name: string) => await import(new URL(`../bench/capacity/${name}.mjs`, import.meta.url).href)
const PROGRAM = fileURLToPath(new URL('../bench/capacity/main.mjs', import.meta.url))

/** An operation costs 100 microseconds of each part, 1,000 bytes of log, one transaction and one command of Redis. */
function createMeasurements (): Measurements {
  const figures: Measurements['figures'] = {
    'operations.hash.cpu': { value: 200_000, unit: 'µs' },
    'operations.socket.bytes': { value: 2000, unit: 'B' },
    'operations.socketServer.bytes': { value: 60_000_000, unit: 'B' },
    'operations.bytes.sessions': { value: 600, unit: 'B' },
    'operations.bytes.audit_log': { value: 400, unit: 'B' }
  }
  const requests = ['login', 'refresh', 'logout', 'protectedFirst', 'protected', 'connect', 'reauth'].map(name => `${name}.4096`)
  for (const id of [...requests, 'event']) {
    for (const part of ['api', 'postgres', 'redis', 'worker', 'broker', 'sockets']) figures[`operations.${id}.${part}Cpu`] = { value: 100, unit: 'µs' }
    Object.assign(figures, { [`operations.${id}.walBytes`]: { value: 1000, unit: 'B' }, [`operations.${id}.commits`]: { value: 1, unit: '' }, [`operations.${id}.redisCommands`]: { value: 1, unit: '' } })
  }
  return { bench: 'operations', file: 'operations.json', date: '2026-01-01', machine: { cores: 2, cpu: 'any', node: 'v22' }, figures }
}

t.test('the calculator of docs/capacity.md', async t => {
  const { needsOf } = await moduleOf('needs') as { needsOf: (measurements: Measurements, changes?: Record<string, number>, times?: number) => Needs }
  const { bottlenecksOf } = await moduleOf('bottlenecks') as { bottlenecksOf: (needs: Needs) => Array<{ name: string, parts: number }> }
  const { capacityTables } = await moduleOf('capacity-tables') as { capacityTables: (measurements: Measurements, changes?: Record<string, number>) => Record<string, string> }
  const measurements = createMeasurements()
  const isCloseTo = (found: number, wanted: number, what: string) => t.ok(Math.abs(found / wanted - 1) < 1e-9, `${what}: ${found}, not ${wanted}`)
  const partsOf = (needs: Needs, name: string) => bottlenecksOf(needs).find(one => one.name === name)!.parts

  t.test('counts what can be counted by hand', async () => {
    const none = { refreshesPerLogin: 0, logoutsPerLogin: 0, connectsPerLogin: 0, peakFactor: 1, utilisation: 1 }
    const needs = needsOf(measurements, { ...none, loginsPerDay: 86_400_000 })
    isCloseTo(needs.perSecond['login']!, 1000, 'sign-ins a second')
    isCloseTo(needs.cores['hashing']!, 200, 'cores that hash')
    isCloseTo(needs.cores['api']!, 0.1, 'cores of the API')
    isCloseTo(needs.walMegabytes, 2, 'the sign-in and its event')
    isCloseTo(needs.brokerMessages, 2000, 'each event goes to two queues')
    isCloseTo(needsOf(measurements, { reauthMinutes: 14, socketsPerRefresh: 1, peakFactor: 1, loginsPerDay: 86_400, refreshesPerLogin: 1 }).openSockets, 840, 'each socket comes once in 14 minutes')
    isCloseTo(partsOf(needsOf(measurements, { ...none, loginsPerDay: 86_400_000, redisMicroseconds: 100 }), 'redisCommandsPerSecond'), 0.1, 'of one Redis that bears 10,000 commands a second')
  })

  t.test('what is cold counts by its share, in CPU time and in the log', async () => {
    const cold = createMeasurements()
    Object.assign(cold.figures, { 'operations.login.cold.4096.postgresCpu': { value: 300, unit: 'µs' }, 'operations.login.cold.4096.walBytes': { value: 9000, unit: 'B' } })
    for (const name of ['api', 'redis']) cold.figures[`operations.login.cold.4096.${name}Cpu`] = { value: 100, unit: 'µs' }
    const only = { loginsPerDay: 86_400_000, refreshesPerLogin: 0, logoutsPerLogin: 0, connectsPerLogin: 0, peakFactor: 1, utilisation: 1 }
    isCloseTo(needsOf(cold, { ...only, coldShare: 0.5 }).cores['postgres']!, 0.2 + 0.1, 'cores of PostgreSQL')
    isCloseTo(needsOf(cold, { ...only, coldShare: 0.5 }).walMegabytes, 5 + 1, 'log')
  })

  t.test('twice the load needs twice as much, but four times as much of what every process is told; half the utilisation twice the cores', async t => {
    const [once, twice, idle] = [needsOf(measurements), needsOf(measurements, {}, 2), needsOf(measurements, { utilisation: 0.3 })]
    for (const part of Object.keys(once.cores)) {
      isCloseTo(twice.cores[part]!, 2 * once.cores[part]!, part)
      isCloseTo(idle.cores[part]!, 2 * once.cores[part]!, part)
    }
    for (const amount of ['walMegabytes', 'commits', 'openSockets', 'diskTerabytes', 'rowsRead'] as const) isCloseTo(twice[amount], 2 * once[amount], amount)
    isCloseTo(twice.readingCores, 4 * once.readingCores, 'cores that send ended sessions')
    for (const { name, parts } of bottlenecksOf(once)) isCloseTo(partsOf(twice, name), 2 * parts, name)
    const [first, second] = bottlenecksOf(twice)
    t.ok(first!.parts >= second!.parts, 'the first to give way comes first')
  })

  t.test('what is measured is used, unless another number is given', async t => {
    const measured = createMeasurements()
    measured.figures['operations.redisCommand.busyCpu'] = { value: 20, unit: 'µs' }
    const limitOf = (changes: Record<string, number>) => needsOf(measured).redisCommands / partsOf(needsOf(measured, changes), 'redisCommandsPerSecond')
    isCloseTo(limitOf({}), 30_000, 'six tenths of a second by 20 microseconds')
    isCloseTo(limitOf({ redisCommandsPerSecond: 200_000 }), 200_000, 'given')
    t.match(capacityTables(measured)['limits'], /\| `redisMicroseconds` \| 20 \| .* \| measured: /)
    t.match(capacityTables(measured, { redisMicroseconds: 5 })['limits'], /\| `redisMicroseconds` \| 5 \| .* \| given: /)
  })

  t.test('what is missing, unknown or cannot be is named', async t => {
    delete measurements.figures['operations.event.brokerCpu']
    t.throws(() => needsOf(measurements), /operations\.json has no figure operations\.event\.brokerCpu/)
    const refused: Array<[Record<string, number>, RegExp]> = [
      [{ keyBits: 3072 }, /keyBits is 2048 or 4096/],
      [{ loginPerDay: 1 }, /there is no loginPerDay; there are loginsPerDay/],
      [{ toString: 1 }, /there is no toString/],
      [{ loginsPerDay: 0 }, /loginsPerDay is a number from 1/],
      [{ utilisation: 0 }, /utilisation is a number from 0\.05 to 1/],
      [{ coldShare: 5 }, /coldShare is a number from 0 to 1/],
      [{ logoutsPerLogin: 2 }, /logoutsPerLogin is a number from 0 to 1/]
    ]
    for (const [changes, message] of refused) t.throws(() => needsOf(createMeasurements(), changes), message)
  })

  t.test('its tables are Markdown, a column for each multiple', async t => {
    const loads: Array<Record<string, number>> = [{}, { loginsPerDay: 1, refreshesPerLogin: 0, logoutsPerLogin: 0 }, { callsPerRefresh: 0, queuesPerEvent: 0 }]
    for (const changes of loads) {
      const tables = capacityTables(createMeasurements(), changes)
      t.match(tables['cores'], /^\| cores \| this load \| 10 times \| 100 times \|\n\|---\|---\|---\|---\|\n\| password hashes \|/)
      t.notMatch(Object.values(tables).join(''), /NaN|undefined|Infinity|∞/)
    }
  })
})

t.test('the command says what is wrong with what it was given', async t => {
  const folder = t.testdir({ 'other.json': '{"bench": "login", "figures": {}}', 'text.json': 'root:x:0', 'operations.json': JSON.stringify(createMeasurements()), 'few.json': '{"bench": "operations", "figures": {}}' })
  const run = (...words: string[]) => spawnSync(process.execPath, [PROGRAM, ...words], { encoding: 'utf8', cwd: folder })
  const refused: Array<[string[], RegExp]> = [
    [['nowhere.json'], /^nowhere\.json is not there; npm run bench -- operations writes measurements, and numbers are given as name=number\n$/],
    [['1e9'], /^1e9 is not there;/],
    [['text.json'], /^text\.json is not JSON\n$/],
    [['other.json'], /^other\.json does not hold the measurements of bench:operations\n$/],
    [['few.json'], /^few\.json has no figure operations\.\w/],
    [[folder], /cannot be read: it is a folder\n$/],
    [['operations.json', 'other.json'], /^one file of measurements/],
    [['loginsPerDay='], /^loginsPerDay is a number, not ""\n$/],
    [['loginsPerDay=many'], /^loginsPerDay is a number, not "many"\n$/],
    [['--quick'], /^there is no option --quick; see --help\n$/]
  ]
  for (const [words, message] of refused) {
    const { status, stderr } = run(...words)
    t.equal(status, 1, words.join(' '))
    t.match(stderr, message)
  }
  const help = run('--help')
  t.equal(help.status, 0)
  t.match(help.stdout, /loginsPerDay=1000000000, 1 to /)
  const shown = run('operations.json', 'loginsPerDay=1e6', 'refreshesPerLogin=20')
  t.equal(shown.status, 0)
  t.match(shown.stdout, /\| `loginsPerDay` \| 1,000,000 \|/)
})
