// What a load needs: `npm run capacity -- [measurements.json] [loginsPerDay=1e8] [refreshesPerDay=1e9] …`
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { capacityTables } from './capacity-tables.mjs'

const words = process.argv.slice(2)
const changes = Object.fromEntries(words.filter(word => word.includes('=')).map(word => [word.split('=')[0], Number(word.split('=')[1])]))
const file = words.find(word => !word.includes('=')) ?? fileURLToPath(new URL('../results/operations.json', import.meta.url))

try {
  for (const [name, table] of Object.entries(capacityTables(JSON.parse(readFileSync(file, 'utf8')), changes))) {
    if (name !== 'measured') console.log(`${name}\n\n${table}`)
  }
} catch (err) {
  console.error(err.code === 'ENOENT' ? `${file} is not there; npm run bench:operations writes it` : err.message)
  process.exitCode = 1
}
