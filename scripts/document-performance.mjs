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
  const part = name => name === 'aims' ? aims([...results.values()].filter(Boolean)) : section(name, results.get(name))
  return text.replace(MEASURED, (_, name) => `<!-- measured:${name} -->\n\n${part(name)}\n<!-- /measured:${name} -->`)
}

function read (name) {
  const file = new URL(`${name}.json`, RESULTS)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

function section (name, result) {
  if (result === undefined) return `Not measured yet: \`npm run bench -- ${name}\`.\n`
  const { method, date, machine, versions, tables } = result
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
  const place = `\`npm run bench -- ${name}\`, ${date}: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, ${machine.kernel}, Node.js ${machine.node}${programs === '' ? '' : `; ${programs}`}.`
  return `${place}\n\n${method}\n${tables.map(({ caption, head, rows }) => `\n${caption}\n\n${table(head, rows)}`).join('')}`
}

function aims (results) {
  const rows = results.flatMap(({ bench, figures }) => Object.values(figures)
    .filter(({ aim }) => aim !== undefined)
    .map(figure => [figure.what, format(figure), aimOf(figure), isReached(figure) ? 'yes' : '**no**', `\`${bench}\``]))
  const reached = rows.filter(row => row[3] === 'yes').length
  return `${reached} of ${rows.length} are reached.\n\n${table(['what', 'measured: median (range)', 'aim', 'reached', 'bench'], rows)}`
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
