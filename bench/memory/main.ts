// Memory of the API, the socket server and the worker, at rest and after traffic, beside a bare Node.js process.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLocalMode, type LocalMode } from '../../system-test/fixtures/local-mode.js'
import { fraction, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, type Figure } from '../harness/measurements.js'
import { ratios, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { processMemory, type ProcessMemory } from './process-memory.js'
import { traffic } from './traffic.js'

const [ROUNDS, CLIENTS, SETTLE_S] = readArguments(['starts', wholeNumber, 3], ['clients', wholeNumber, 100], ['seconds of rest', fraction, 20])
const PARTS = ['api', 'ws', 'worker'] as const
const NAMES = { bare: 'bare Node.js', api: 'API', ws: 'socket server', worker: 'worker' }
const AIMS = { api: { atMost: 120 }, ws: { atMost: 75 }, worker: { atMost: 90 } }
/** All clients are one user at one address. */
const SETTINGS = { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '100000', WS_MAX_SOCKETS_PER_USER: '10000', WS_MAX_SOCKETS_PER_ADDRESS: '10000' }
type Name = keyof typeof NAMES

/** Of one start: at rest, right after traffic, and at rest again. */
interface Round { rest: Record<Name, ProcessMemory>, busy: Record<Name, ProcessMemory>, settled: Record<Name, ProcessMemory> }

const rounds: Round[] = []
let work = ''
for (let n = 1; n <= ROUNDS; n++) {
  progress(`start ${n} of ${ROUNDS}`)
  await withTeardown(async t => {
    const bare = startBare(t)
    const local = await startLocalMode(t, SETTINGS)
    const memory = () => memoryOf(local, bare)
    await sleep(SETTLE_S * 1000)
    const rest = memory()
    work = await traffic(local, CLIENTS)
    const busy = memory()
    await sleep(SETTLE_S * 1000)
    rounds.push({ rest, busy, settled: memory() })
  })
}
publishRounds()

function publishRounds (): void {
  const of = (name: Name, when: keyof Round, figure: keyof ProcessMemory = 'resident') => rounds.map(round => round[when][name][figure])

  publish({
    bench: 'memory',
    title: 'Memory of each process',
    method: `Local mode, ${ROUNDS} starts; at rest means ${SETTLE_S} s after the start or after the traffic: ${work}. ` +
      'Resident counts pages that several processes use in full, as the program of Node.js, proportional counts the share of each.',
    versions: {},
    figures: Object.fromEntries(PARTS.flatMap((part): Array<[string, Figure]> => [
      [`memory.${part}.rest`, figureOf(`${NAMES[part]}, resident at rest`, 'MB', of(part, 'rest'), AIMS[part])],
      [`memory.${part}.traffic`, figureOf(`${NAMES[part]}, resident right after traffic`, 'MB', of(part, 'busy'))],
      [`memory.${part}.restAgain`, figureOf(`${NAMES[part]}, resident at rest after traffic`, 'MB', of(part, 'settled'), AIMS[part])],
      [`memory.${part}.proportional`, figureOf(`${NAMES[part]}, proportional at rest`, 'MB', of(part, 'rest', 'proportional'))],
      [`memory.${part}.ratio`, figureOf(`${NAMES[part]}, resident at rest beside a bare Node.js`, 'x', ratios(of(part, 'rest'), of('bare', 'rest')))]
    ])),
    tables: [{
      caption: `MB, median and range of ${ROUNDS} starts`,
      head: ['', 'at rest', 'right after traffic', 'at rest again', 'proportional at rest', 'unshared at rest', 'aim at rest'],
      rows: (Object.keys(NAMES) as Name[]).map(name => [
        NAMES[name],
        ...(['rest', 'busy', 'settled'] as const).map(when => withRange(of(name, when), 0)),
        withRange(of(name, 'rest', 'proportional'), 0),
        withRange(of(name, 'rest', 'unshared'), 0),
        name === 'bare' ? '' : String(AIMS[name].atMost)
      ])
    }]
  })
}

function startBare (t: Teardown): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  t.teardown(() => child.kill())
  return child.pid!
}

function memoryOf (local: LocalMode, bare: number): Record<Name, ProcessMemory> {
  const [api, ws, worker] = PARTS.map(part => processMemory(local.partPid(part)!)) as [ProcessMemory, ProcessMemory, ProcessMemory]
  return { bare: processMemory(bare), api, ws, worker }
}
