// The measured parts of docs/performance.md, from the files of bench/results.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const RESULTS = new URL('../bench/results/', import.meta.url)
const MEASURED = /<!-- measured:([a-z-]+) -->\n[^]*?<!-- \/measured:\1 -->/g

/** The page with the newest measurements between its marks; what stands around them is written by hand. */
export function performancePage () {
  const text = readFileSync(PAGE, 'utf8')
  const benches = [...text.matchAll(MEASURED)].map(([, name]) => name).filter(name => name !== 'aims')
  const results = new Map(benches.map(name => [name, read(name)]))
  return text.replace(MEASURED, (_, name) => `<!-- measured:${name} -->\n${name === 'aims' ? aims([...results.values()]) : section(results.get(name))}<!-- /measured:${name} -->`)
}

function read (name) {
  const file = new URL(`${name}.json`, RESULTS)
  if (!existsSync(file)) throw new Error(`docs/performance.md has a place for bench/results/${name}.json, which is not there; run npm run bench:${name}`)
  return JSON.parse(readFileSync(file, 'utf8'))
}

function section ({ bench, method, date, machine, versions, tables }) {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
  const place = `\`npm run bench:${bench}\`, ${date}: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, ${machine.kernel}, Node.js ${machine.node}${programs === '' ? '' : `; ${programs}`}.`
  return `\n${place}\n\n${method}\n${tables.map(({ caption, head, rows }) => `\n${caption}\n\n${table(head, rows)}`).join('')}\n`
}

function aims (results) {
  const rows = results.flatMap(({ bench, figures }) => Object.values(figures)
    .filter(({ aim }) => aim !== undefined)
    .map(figure => [figure.what, format(figure), aimOf(figure), isReached(figure) ? 'yes' : '**no**', `\`${bench}\``]))
  return `\n${table(['what', 'measured: median (range)', 'aim', 'reached', 'bench'], rows)}\n`
}

function isReached ({ value, aim }) {
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost
}

function aimOf ({ unit, aim }) {
  return 'atLeast' in aim ? `≥ ${number(aim.atLeast)}${suffix(unit)}` : `≤ ${number(aim.atMost)}${suffix(unit)}`
}

function format ({ value, low, high, unit }) {
  return `${number(value)}${suffix(unit)}${low === undefined ? '' : ` (${number(low)}–${number(high)})`}`
}

function suffix (unit) {
  return unit === 'x' ? '' : unit.startsWith('/') ? unit : ` ${unit}`
}

/** Three digits that matter; thousands apart. */
function number (value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function table (head, rows) {
  const line = cells => `| ${cells.map(cell => String(cell ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}
