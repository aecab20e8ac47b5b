// Rotations through /api/refresh beside the raw RSA signing rate of this machine with the same key, in short
// alternating slices. The client and PostgreSQL run on the same cores.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPlace, startLocalMode } from '../../system-test/fixtures/local-mode.js'

const PAIRS = 9
const SLICE_MS = 2000
const AIM = { 4096: '≥ 0.80 of raw', 2048: `≥ ${1000 * cpus().length}/s` }

interface Load { perSecond: number, latencies: number[] }

const teardowns: Array<() => unknown> = []
try {
  const rows: Record<string, unknown> = {}
  for (const bits of [4096, 2048] as const) rows[`${bits} bits`] = await measure(bits)
  console.log(`Node.js ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}; ${PAIRS} pairs of ${SLICE_MS / 1000} s`)
  console.table(rows)
} finally {
  for (const teardown of teardowns.reverse()) await teardown()
}

async function measure (bits: 4096 | 2048): Promise<Record<string, unknown>> {
  const t = { teardown: (handler?: () => unknown) => { teardowns.push(handler!) } }
  process.stderr.write(`${bits} bits: starting …\n`)
  const place = await createPlace(t, bits)
  // Without the replay window each refresh is a rotation.
  const local = await startLocalMode(t, { REFRESH_REPLAY_WINDOW: '0', BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000000', LOG_LEVEL: 'warn' }, place)
  const raw = start('raw-signing.ts', `${place.keysDir}/private.pem`)
  const load = start('refresh-load.ts', local.url)
  await ask<Load>(load, SLICE_MS)                     // warms up, and makes the sessions

  const pairs: Array<{ raw: number, load: Load }> = []
  for (let pair = 1; pair <= PAIRS; pair++) {
    pairs.push({ raw: await ask<number>(raw, SLICE_MS), load: await ask<Load>(load, SLICE_MS) })
    process.stderr.write(`${bits} bits: pair ${pair} of ${PAIRS}\n`)
  }
  for (const child of [raw, load]) child.disconnect()
  await local.stop()

  const ratios = pairs.map(({ raw, load }) => load.perSecond / raw).sort((a, b) => a - b)
  const latencies = pairs.flatMap(({ load }) => load.latencies).sort((a, b) => a - b)
  return {
    'raw/s': Math.round(median(pairs.map(({ raw }) => raw))),
    'rotations/s': Math.round(median(pairs.map(({ load }) => load.perSecond))),
    'ratio (range)': `${median(ratios).toFixed(2)} (${ratios[0]!.toFixed(2)}–${ratios.at(-1)!.toFixed(2)})`,
    'p50 ms': percentile(latencies, 0.5),
    'p99 ms': percentile(latencies, 0.99),
    aim: AIM[bits]
  }
}

function start (script: string, argument: string): ReturnType<typeof fork> {
  return fork(fileURLToPath(new URL(script, import.meta.url)), [argument], { execArgv: ['--import', 'tsx'], cwd: path.dirname(fileURLToPath(import.meta.url)) })
}

async function ask<Answer> (child: ReturnType<typeof fork>, milliseconds: number): Promise<Answer> {
  child.send(milliseconds)
  const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => { throw new Error('a load process ended') })])
  return answer as Answer
}

function median (values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function percentile (sorted: number[], share: number): number {
  return Number(sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1))
}
