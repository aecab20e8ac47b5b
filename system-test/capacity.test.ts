import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

interface Needs { perSecond: Record<string, number>, cores: Record<string, number>, walMegabytes: number, commits: number, openSockets: number, diskTerabytes: number }
interface Measurements { date: string, machine: { cores: number, cpu: string, node: string }, figures: Record<string, { value: number, unit: string }> }

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
  const requests = ['login', 'refresh', 'logout', 'protectedFirst', 'protected', 'connect', 'reauth', 'login.cold', 'refresh.cold'].map(name => `${name}.4096`)
  for (const id of [...requests, 'event']) {
    for (const part of ['api', 'postgres', 'redis', 'worker', 'broker', 'sockets']) figures[`operations.${id}.${part}Cpu`] = { value: 100, unit: 'µs' }
    Object.assign(figures, { [`operations.${id}.walBytes`]: { value: 1000, unit: 'B' }, [`operations.${id}.commits`]: { value: 1, unit: '' }, [`operations.${id}.redisCommands`]: { value: 1, unit: '' } })
  }
  return { date: '2026-01-01', machine: { cores: 2, cpu: 'any', node: 'v22' }, figures }
}

t.test('the calculator of docs/capacity.md', async t => {
  const { needsOf, bottlenecksOf } = await moduleOf('needs') as { needsOf: (measurements: Measurements, changes?: Record<string, number>, times?: number) => Needs, bottlenecksOf: (needs: Needs) => Array<{ name: string, nodes: number }> }
  const { capacityTables } = await moduleOf('capacity-tables') as { capacityTables: (measurements: Measurements) => Record<string, string> }
  const measurements = createMeasurements()
  const isCloseTo = (found: number, wanted: number, what: string) => t.ok(Math.abs(found / wanted - 1) < 1e-9, `${what}: ${found}, not ${wanted}`)

  t.test('counts what can be counted by hand', async () => {
    const none = { refreshesPerDay: 0, logoutsPerDay: 0, connectsPerLogin: 0, peakFactor: 1, utilisation: 1 }
    const needs = needsOf(measurements, { ...none, loginsPerDay: 86_400_000 })
    isCloseTo(needs.perSecond['login']!, 1000, 'sign-ins a second')
    isCloseTo(needs.cores['hashing']!, 200, 'cores that hash')
    isCloseTo(needs.cores['api']!, 0.1 + 0.1, 'cores of the API; the event has a figure for it here')
    isCloseTo(needs.walMegabytes, 2, 'the sign-in and its event')
    isCloseTo(needsOf(measurements, { reauthMinutes: 14, socketsPerRefresh: 1, peakFactor: 1, refreshesPerDay: 86_400 }).openSockets, 840, 'each socket comes once in 14 minutes')
  })

  t.test('twice the load needs twice as much of everything, half the utilisation twice the cores', async t => {
    const [once, twice, idle] = [needsOf(measurements), needsOf(measurements, {}, 2), needsOf(measurements, { utilisation: 0.3 })]
    for (const part of Object.keys(once.cores)) {
      isCloseTo(twice.cores[part]!, 2 * once.cores[part]!, part)
      isCloseTo(idle.cores[part]!, 2 * once.cores[part]!, part)
    }
    for (const amount of ['walMegabytes', 'commits', 'openSockets', 'diskTerabytes'] as const) isCloseTo(twice[amount], 2 * once[amount], amount)
    const [first, second] = bottlenecksOf(twice)
    t.ok(first!.nodes >= second!.nodes, 'the scarcest comes first')
  })

  t.test('what is missing or unknown is named', async t => {
    delete measurements.figures['operations.event.brokerCpu']
    t.throws(() => needsOf(measurements), /no figure operations\.event\.brokerCpu/)
    t.throws(() => needsOf(createMeasurements(), { keyBits: 1024 }), /no figure operations\.login\.1024/)
    t.throws(() => needsOf(createMeasurements(), { loginPerDay: 1 }), /there is no loginPerDay; there are loginsPerDay/)
    t.throws(() => needsOf(createMeasurements(), { loginsPerDay: NaN }), /loginsPerDay must be a number/)
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '/nowhere.json'], { encoding: 'utf8' })
    t.equal(status, 1)
    t.match(stderr, /^\/nowhere\.json is not there; npm run bench:operations writes it\n$/)
  })

  t.test('its tables are Markdown, a column for each multiple', async t => {
    const tables = capacityTables(createMeasurements())
    t.match(tables['cores'], /^\| cores \| this load \| 10 times \| 100 times \|\n\|---\|---\|---\|---\|\n\| API \|/)
    t.notMatch(Object.values(tables).join(''), /NaN|undefined|Infinity/)
  })
})
