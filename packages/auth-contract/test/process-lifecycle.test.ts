import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

interface Ending { code: number | null, stdout: string, stderr: string }

/** Runs a program of the fixtures folder with an IPC channel. */
function run (t: Test, program: string, ...args: string[]): { child: ChildProcess, ended: Promise<Ending> } {
  const file = fileURLToPath(new URL(`fixtures/${program}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  const output = Promise.all([text(child.stdout!), text(child.stderr!)])
  const ended = once(child, 'exit').then(async ([code]) => {
    const [stdout, stderr] = await output
    return { code, stdout, stderr }
  })
  return { child, ended }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} closes and exits 0`, async t => {
    const { child, ended } = run(t, 'closing-process', 'closes')
    t.strictSame(await once(child, 'message').then(([message]) => message), 'ready')
    child.kill(signal)
    const { code, stdout } = await ended
    t.equal(code, 0)
    t.match(stdout, /closing[^]*closed/)
    t.match(stdout, new RegExp(`"signal":"${signal}"`))
  })
}

t.test('a parent that is gone closes and exits 0', async t => {
  const { child, ended } = run(t, 'closing-process', 'closes')
  await once(child, 'message')
  child.disconnect()
  const { code, stdout } = await ended
  t.equal(code, 0)
  t.match(stdout, /closed/)
})

for (const behaviour of ['throws', 'rejects']) {
  t.test(`code that ${behaviour} uncaught closes, is logged and exits 1`, async t => {
    const { code, stdout } = await run(t, 'closing-process', behaviour).ended
    t.equal(code, 1)
    t.match(stdout, /a mistake of ours/)
    t.match(stdout, /closed/)
  })
}

t.test('closing that fails is logged and exits 1', async t => {
  const { child, ended } = run(t, 'closing-process', 'fails')
  await once(child, 'message')
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  t.equal(code, 1)
  t.match(stdout, /cannot close/)
})

t.test('closing that hangs is cut short', async t => {
  const { child, ended } = run(t, 'closing-process', 'hangs')
  await once(child, 'message')
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  t.equal(code, 1)
  t.match(stdout, /closing/)
})

t.test('without a parent there is nobody to tell, and nothing fails', async t => {
  const file = fileURLToPath(new URL('fixtures/closing-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, 'throws'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.match(stdout, /a mistake of ours[^]*closed/)
})

t.test('a start that fails: sentences for the operator, a stack only for mistakes of ours', async t => {
  const startup = await run(t, 'failing-start', 'startup').ended
  t.strictSame(startup, { code: 1, stdout: '', stderr: 'program: PORT is not set\nprogram: HOST is not set\n' })
  const mistake = await run(t, 'failing-start', 'other').ended
  t.equal(mistake.code, 1)
  t.match(mistake.stderr, /^program: TypeError: a mistake of ours\n.* {4}at /)
})
