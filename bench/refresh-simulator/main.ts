// Plays refresh-token rules against honest clients and thieves, 24 virtual hours each, and compares them in a table.
// Ends with 1 when ours signs an honest client out or misses a thief it is meant to catch.
// Usage: npm run bench:refresh-simulator -- [seed] [clients per row]
import { readArguments, wholeNumber } from '../harness/command-line.js'
import { HONEST_LIMITS, HONEST_ROWS, isSignedOut, type HonestRow } from './honest-rows.js'
import { hydraGrace } from './rules/hydra-grace.js'
import { ours } from './rules/ours.js'
import type { Rules } from './rules/rules.js'
import { strict } from './rules/strict.js'
import { supabase } from './rules/supabase.js'
import { supertokens } from './rules/supertokens.js'
import { formatTable, median, percent } from './table.js'
import { THIEF_LIMITS, THIEF_ROWS, minutesUntilCaught, type ThiefRow } from './thief-rows.js'

const COMPARED = [strict, supabase, supertokens, hydraGrace, ours]
const [seed, clients] = readArguments(['seed', wholeNumber, 20_250], ['clients of a row', wholeNumber, 1000])
const misses: string[] = []

console.log(`${clients} clients per row, seed ${seed}, 24 h each, a refresh every 15 min\n`)
print('Honest clients: signed out for nothing', HONEST_ROWS, honestCell)
print('Thieves: caught within 24 h (median minutes after the theft)', THIEF_ROWS, thiefCell)
print('Known limits: honest clients signed out for nothing', HONEST_LIMITS, (rules, row) => honestCell(rules, row).text)
print('Known limits: thieves caught', THIEF_LIMITS, (rules, row) => thiefCell(rules, row).text)
for (const miss of misses) console.error(`missed: ${miss}`)
process.exitCode = misses.length > 0 ? 1 : 0

interface Cell { text: string, good: boolean }

function print<Row extends { name: string }> (title: string, rows: readonly Row[], cell: (rules: Rules, row: Row) => Cell | string): void {
  const lines = rows.map(row => [row.name, ...COMPARED.map(rules => {
    const result = cell(rules, row)
    if (typeof result === 'string') return result
    if (rules === ours && !result.good) misses.push(`${row.name}: ${result.text}`)
    return result.text
  })])
  console.log(`${formatTable([title, ...COMPARED.map(({ name }) => name)], lines)}\n`)
}

function honestCell (rules: Rules, row: HonestRow): Cell {
  const signedOut = seeds(row.name).filter(seed => isSignedOut(rules, row, seed)).length
  return { text: percent(signedOut, clients), good: signedOut === 0 }
}

function thiefCell (rules: Rules, row: ThiefRow): Cell {
  const minutes = seeds(row.name).map(seed => minutesUntilCaught(rules, row, seed)).filter(minutes => minutes !== undefined)
  const text = percent(minutes.length, clients)
  return { text: minutes.length === 0 ? text : `${text} (${median(minutes).toFixed(0)})`, good: minutes.length === clients }
}

/** The same for all rules, another for each client and row. */
function seeds (name: string): number[] {
  let hash = seed
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return Array.from({ length: clients }, (_, client) => (hash + Math.imul(client, 0x9e3779b1)) >>> 0)
}
