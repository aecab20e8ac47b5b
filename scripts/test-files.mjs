// Runs test files, each in a process of its own, two at a time. TAP goes to standard output, progress to standard error.
// By tap's interface rather than its command: that compiles every file anew and loads three seconds of plugins for each.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

// The longest first, so that none of them is left alone at the end.
const FOLDERS = ['system-test', 'fastify-api/test', 'uws-server/test', 'packages/local-mode/test', 'packages/auth-contract/test']
const TIMEOUT_S = 300
const project = fileURLToPath(new URL('..', import.meta.url))

function allFiles () {
  return FOLDERS.flatMap(folder => readdirSync(path.join(project, folder)).filter(name => name.endsWith('.test.ts')).map(name => path.join(folder, name)))
}

async function run (file) {
  const { ok, time } = await t.spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: project,
    buffered: true,
    timeout: TIMEOUT_S * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) }      // what the file itself goes by
  }, file)
  process.stderr.write(`${ok ? 'ok' : 'not ok'} ${file} ${(time / 1000).toFixed(1)} s\n`)
}

t.jobs = 2
t.setTimeout(0)
const files = process.argv.slice(2)
await Promise.all((files.length > 0 ? files : allFiles()).map(run))
