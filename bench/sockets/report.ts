import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'

const require = createRequire(import.meta.url)

/** Prints what every table of these benches needs to be judged by. */
export function printHead (title: string, packages: readonly string[]): void {
  console.log(title)
  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} CPUs, ${new Date().toISOString().slice(0, 10)}`)
  console.log(packages.map(name => `${name} ${versionOf(name)}`).join(', '))
}

// Not every package exports its package.json.
function versionOf (name: string): string {
  const folder = require.resolve.paths(name)!.find(folder => existsSync(`${folder}/${name}/package.json`))
  return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }).version
}

/**
 * A number of the command line. Ends the process with a sentence when it is not above 0.
 * @param position 0 is the first
 */
export function numberArgument (position: number, name: string, fallback: number): number {
  const text = process.argv[2 + position]
  if (text === undefined) return fallback
  if (!(Number(text) > 0)) {
    console.error(`${name} must be a number above 0, not "${text}"; by default ${fallback}`)
    process.exit(2)
  }
  return Number(text)
}

export function median (values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** @param share such as 0.99 */
export function percentile (values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

/** `0.87 (0.81–0.93)`: the median and the range. */
export function withRange (values: readonly number[], digits = 2): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
}

export function megabytes (bytes: number): number {
  return Number((bytes / 1024 / 1024).toFixed(1))
}

export function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}
