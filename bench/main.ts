// Every bench that has a figure to reach, one after the other, and then the pages that are written from them.
// `npm run bench` takes about an hour and wants the machine for itself; `npm run bench -- refresh login` runs these only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from './harness/command-line.js'
import { checkInterrupt } from './harness/interrupt.js'
import { KEEPING } from './harness/measurements.js'
import { withTeardown, type Teardown } from './harness/teardown.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const { scripts } = JSON.parse(readFileSync(`${PROJECT}/package.json`, 'utf8')) as { scripts: Record<string, string> }
/** With the arguments that keep the whole within its time. */
const BENCHES: Record<string, string[]> = {
  protected: [],
  verification: [],
  refresh: [],
  login: [],
  'login-flood': [],
  'login-timing': [],
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
const ALL = Object.keys(BENCHES)
const USAGE = `npm run bench -- [name …]: runs these and keeps what they found, by default all of ${ALL.join(', ')}`

const words = process.argv.slice(2)
if (words.includes('--help')) {
  console.log(USAGE)
  process.exit()
}
const unknown = words.filter(name => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`not a bench of this command: ${unknown.join(', ')}\n${USAGE}`)
  process.exit(2)
}
const names = words.length > 0 ? words : ALL

await withTeardown(async t => {
  const failed: string[] = []
  for (const [index, name] of names.entries()) {
    progress(`bench ${index + 1} of ${names.length}: ${name}`)
    const startedAt = performance.now()
    const status = await runScript(t, `bench:${name}`, BENCHES[name])
    if (status !== 0) failed.push(name)
    progress(`${name}: ${status === 0 ? 'done' : 'failed'} after ${Math.round((performance.now() - startedAt) / 1000)} s`)
  }
  if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`)
  const status = await runScript(t, 'docs')
  process.exitCode = failed.length > 0 || status !== 0 ? 1 : 0
})

// Not by npm and a shell, which might end by a signal before the bench has.
async function runScript (t: Teardown, script: string, args: string[] = []): Promise<number | null> {
  const child = spawn(process.execPath, [...scripts[script]!.split(' ').slice(1), ...args], { cwd: PROJECT, stdio: 'inherit', env: { ...process.env, ...KEEPING } })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const [status] = await exited as [number | null]
  await checkInterrupt()                              // the child may have ended by it
  return status
}
