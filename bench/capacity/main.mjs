// What a load needs: `npm run capacity -- [measurements.json] [loginsPerDay=1e8] [refreshesPerLogin=20] …`
import { fileURLToPath } from 'node:url'
import { readArguments, USAGE } from './arguments.mjs'
import { capacityTables } from './capacity-tables.mjs'
import { readMeasurements } from './read-measurements.mjs'

const USUAL_FILE = fileURLToPath(new URL('../results/operations.json', import.meta.url))

try {
  const { help, file = USUAL_FILE, changes } = readArguments(process.argv.slice(2))
  console.log(help ? USAGE : tablesOf(file, changes))
} catch (err) {
  console.error(err.message)
  process.exitCode = 1
}

function tablesOf (file, changes) {
  return Object.entries(capacityTables(readMeasurements(file), changes)).map(([name, table]) => `${name}\n\n${table}`).join('\n')
}
