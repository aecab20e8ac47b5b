// The tables of docs/capacity.md, between marks in a page that is otherwise written by hand, from what was measured.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { capacityTables, show } from '../bench/capacity/capacity-tables.mjs'
import { needsOf } from '../bench/capacity/needs.mjs'
import { readMeasurements } from '../bench/capacity/read-measurements.mjs'

const pathOf = file => fileURLToPath(new URL(`../${file}`, import.meta.url))
const MARKED = /(<!-- capacity:(\w+) -->\n)[^]*?(<!-- \/capacity:\2 -->)/g

/** @throws {Error} for a mark that is no table's */
export function capacityPage () {
  const measurements = readMeasurements(pathOf('bench/results/operations.json'))
  const { figures: login } = JSON.parse(readFileSync(pathOf('bench/results/login.json'), 'utf8'))
  const parts = { ...capacityTables(measurements), summary: summary(measurements), savings: savings(measurements, login) }
  return readFileSync(pathOf('docs/capacity.md'), 'utf8').replace(MARKED, (_, begin, name, end) => {
    if (!(name in parts)) throw new Error(`docs/capacity.md has a mark capacity:${name}; there are ${Object.keys(parts).join(', ')}`)
    return `${begin}\n${parts[name]}\n${end}`
  })
}

function summary (measurements) {
  const { cores, socketGigabytes } = needsOf(measurements)
  return `This load needs about ${show(cores.hashing)} cores that hash passwords, ${show(cores.api)} for the API, ${show(cores.postgres)} for PostgreSQL, ${show(cores.redis)} for Redis and ${show(cores.sockets)} for sockets, which have ${show(socketGigabytes)} GB of memory.\n`
}

function savings (measurements, login) {
  const [long, short] = [4096, 2048].map(keyBits => ({ cores: needsOf(measurements, { keyBits }).cores, refresh: measurements.figures[`operations.refresh.${keyBits}.apiCpu`].value }))
  const [bcrypt, argon2id] = ['bcrypt', 'argon2id'].map(name => login[`login.${name}.cpu.raw`].value)
  return `With keys of 2048 bits (\`keyBits=2048\`) the API needs about ${show(short.cores.api)} cores instead of ${show(long.cores.api)}: a refresh takes ${show(short.refresh / 1000)} ms of its CPU time instead of ${show(long.refresh / 1000)}. ` +
    `A hash of argon2id takes ${show(argon2id)} ms, one of bcrypt ${show(bcrypt)}: about ${show(long.cores.hashing * argon2id / bcrypt)} cores instead of ${show(long.cores.hashing)}.\n`
}
