// Runs test files, each in a process of its own, three at a time. Not by tap's command, nor its `t.spawn`: both put
// loaders and coverage into every process that a test starts, which took longer than the tests.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Of two processors: a test waits for a third of its time. */
const AT_ONCE = 3
const TIMEOUT_S = 300
/** For what tap prints when a file has taken too long. */
const GRACE_MS = 10_000
// The longest first, so that none of them is left alone at the end.
const FOLDERS = ['system-test', 'fastify-api/test', 'uws-server/test', 'packages/local-mode/test', 'packages/auth-contract/test']
const project = fileURLToPath(new URL('..', import.meta.url))

export function allTestFiles () {
  return FOLDERS.flatMap(folder => readdirSync(path.join(project, folder)).filter(name => name.endsWith('.test.ts')).map(name => path.join(folder, name)))
}

/**
 * Runs the files and prints a line for each as it ends.
 * @param env what every test gets
 * @param stopped ends those that run and begins no more
 * @returns the counts of all, and of each that failed what tap says
 */
export async function runTestFiles (files, env, stopped) {
  const waiting = [...files]
  const results = []
  const runNext = async () => {
    for (let file = waiting.shift(); file !== undefined && !stopped.aborted; file = waiting.shift()) results.push(await runTestFile(file, env, stopped))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, runNext))
  const sum = name => results.reduce((total, counts) => total + counts[name], 0)
  return { pass: sum('pass'), fail: sum('fail'), skip: sum('skip'), failures: results.flatMap(({ failures }) => failures) }
}

async function runTestFile (file, env, stopped) {
  const begun = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: project, env: { ...env, TAP_TIMEOUT: String(TIMEOUT_S) }, stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => child.kill()
  stopped.addEventListener('abort', stop)
  const tooLong = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_S * 1000 + GRACE_MS)
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  clearTimeout(tooLong)
  stopped.removeEventListener('abort', stop)
  const result = readResult(output)
  // It ended before tap could say why, or tap was never asked.
  if (result.fail === 0 && (code !== 0 || result.pass + result.skip === 0)) {
    result.fail = 1
    result.failures.push(`not ok ${file} ended with ${signal ?? `status ${code}`}\n${output.slice(-2000)}`)
  }
  process.stdout.write(`${result.fail === 0 ? 'ok' : 'not ok'} ${file} ${((performance.now() - begun) / 1000).toFixed(1)} s\n`)
  return result
}

// tap ends its output with one line such as "# { total: 12, pass: 11, fail: 1 }"; counts of zero are left out.
function readResult (output) {
  const counts = { pass: 0, fail: 0, skip: 0, todo: 0 }
  const summary = output.match(/^# \{ (total: .*) \}$/gm)?.at(-1) ?? ''
  for (const [, name, count] of summary.matchAll(/(\w+): (\d+)/g)) counts[name] = Number(count)
  return { pass: counts.pass, fail: counts.fail, skip: counts.skip + counts.todo, failures: output.match(/^( *)not ok .*\n(\1 {2}---\n(?:.*\n)*?\1 {2}\.\.\.\n)?/gm) ?? [] }
}
