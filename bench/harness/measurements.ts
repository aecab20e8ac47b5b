import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { interrupt } from './interrupt.js'
import { median } from './statistics.js'

const require = createRequire(import.meta.url)
const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const RESULTS = 'bench/results'

/** Environment of the benches that `npm run bench` runs: only those keep what they have found. */
export const KEEPING = { BENCH_KEEP: 'true' }

/** One number that a bench found: what `docs/performance.md` judges and `docs/capacity.md` counts with. */
export interface Figure {
  what: string
  value: number
  /** The range over the slices. */
  low?: number
  high?: number
  /** `x` for a ratio; else such as `/s`, `ms`, `µs`, `MB`. */
  unit: string
  aim?: { atLeast: number } | { atMost: number }
}

/** Rows of cells as they are printed. */
export interface Table { caption: string, head: string[], rows: string[][] }

export interface Measurements {
  /** The command without `npm run bench:`, and the name of the file. */
  bench: string
  title: string
  /** How it was measured, in a sentence or two. */
  method: string
  /** npm packages and programs that the figures depend on, each with its version. */
  versions: Record<string, string>
  /** By an id that does not change, such as `refresh.4096.ratio`. */
  figures: Record<string, Figure>
  tables: Table[]
}

/** The median of slices with their range. */
export function figureOf (what: string, unit: string, values: readonly number[], aim?: Figure['aim']): Figure {
  return { what, unit, value: median(values), low: Math.min(...values), high: Math.max(...values), ...aim === undefined ? {} : { aim } }
}

/**
 * Prints the tables. When `npm run bench` runs the bench, keeps them and the figures in `bench/results`, from where `npm run
 * docs` writes the pages.
 * @throws {Interrupted} after an interrupt, before anything is printed
 */
export function publish (measurements: Measurements): void {
  interrupt.throwIfAborted()
  const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), kernel: `${process.platform} ${release()}`, node: process.version }
  const date = new Date().toISOString().slice(0, 10)
  console.log(`${measurements.title}\n${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node.js ${machine.node}, ${date}; ${Object.entries(measurements.versions).map(([name, version]) => `${name} ${version}`).join(', ')}`)
  console.log(measurements.method)
  for (const { caption, head, rows } of measurements.tables) {
    console.log(`\n${caption}`)
    console.table(Object.fromEntries(rows.map(([name, ...cells]) => [name, Object.fromEntries(cells.map((cell, column) => [head[column + 1], cell]))])))
  }
  const { bench, ...rest } = measurements
  if (process.env['BENCH_KEEP'] !== KEEPING.BENCH_KEEP) return console.log(`\nnot kept; npm run bench -- ${bench} keeps it`)
  const file = path.join(RESULTS, `${bench}.json`)
  mkdirSync(path.join(PROJECT, RESULTS), { recursive: true })
  writeFileSync(path.join(PROJECT, file), `${JSON.stringify({ bench, arguments: process.argv.slice(2), date, machine, ...rest }, null, 2)}\n`)
  console.log(`\nkept in ${file}`)
}

/**
 * The versions of installed packages.
 * @param folder where they are looked for when it is not this project's own, such as `bench/peers`
 */
export function versionsOf (names: readonly string[], folder?: string): Record<string, string> {
  return Object.fromEntries(names.map(name => {
    // Not every package exports its package.json.
    const places = folder === undefined ? require.resolve.paths(name)! : [path.join(folder, 'node_modules')]
    const place = places.find(place => existsSync(`${place}/${name}/package.json`))
    return [name, (JSON.parse(readFileSync(`${place}/${name}/package.json`, 'utf8')) as { version: string }).version]
  }))
}
