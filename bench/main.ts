// Every bench that has a figure to reach, one after the other, and then the pages that are written from them.
// `npm run bench` takes about an hour and wants the machine for itself; `npm run bench -- refresh login` runs these only.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { progress } from './harness/command-line.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
/** With the arguments that keep the whole within its time. */
const BENCHES: Record<string, string[]> = {
  protected: [],
  verification: [],
  refresh: [],
  login: [],
  'login-flood': [],
  statements: [],
  'sockets-cpu': [],
  'sockets-memory': [],
  'sockets-revocation': [],
  'sockets-scale': ['20000', '2'],
  revocation: [],
  'events-latency': [],
  'events-throughput': [],
  start: [],
  memory: [],
  growth: [],
  operations: []
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHES)
const unknown = names.filter(name => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`not a bench of this command: ${unknown.join(', ')}. There are ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}

const failed: string[] = []
for (const [index, name] of names.entries()) {
  progress(`bench ${index + 1} of ${names.length}: ${name}`)
  const startedAt = performance.now()
  const { status } = spawnSync('npm', ['run', '--silent', `bench:${name}`, '--', ...BENCHES[name]!], { cwd: PROJECT, stdio: 'inherit' })
  if (status !== 0) failed.push(name)
  progress(`${name}: ${status === 0 ? 'done' : 'failed'} after ${Math.round((performance.now() - startedAt) / 1000)} s`)
}
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`)
const docs = spawnSync('npm', ['run', '--silent', 'docs'], { cwd: PROJECT, stdio: 'inherit' })
process.exitCode = failed.length > 0 || docs.status !== 0 ? 1 : 0
