// The tables of docs/capacity.md, between marks in a page that is otherwise written by hand, from what was measured.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { capacityTables } from '../bench/capacity/capacity-tables.mjs'

const PAGE = fileURLToPath(new URL('../docs/capacity.md', import.meta.url))
const MEASUREMENTS = fileURLToPath(new URL('../bench/results/operations.json', import.meta.url))
const MARKED = /(<!-- capacity:(\w+) -->\n)[^]*?(<!-- \/capacity:\2 -->)/g

/** @throws {Error} for a mark that is no table's */
export function capacityPage () {
  const tables = capacityTables(JSON.parse(readFileSync(MEASUREMENTS, 'utf8')))
  return readFileSync(PAGE, 'utf8').replace(MARKED, (_, begin, name, end) => {
    if (!(name in tables)) throw new Error(`docs/capacity.md has a mark capacity:${name}; there are ${Object.keys(tables).join(', ')}`)
    return `${begin}\n${tables[name]}\n${end}`
  })
}
