import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const PROGRAM = fileURLToPath(new URL('./fixtures/logs-while-closing.mjs', import.meta.url))
const HANGING = fileURLToPath(new URL('./fixtures/hangs-while-closing.mjs', import.meta.url))

t.test('a parent that is gone, and with it whoever read the log, keeps nobody from exiting', async t => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  child.disconnect()
  await once(child.stdout!, 'data')                   // "stopping", which found a reader
  child.stdout!.destroy()
  t.strictSame(await exited, [0, null])
})

t.test('below a parent a second signal does not cut closing short', async t => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  child.kill('SIGINT')
  await once(child.stdout!, 'data')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  t.strictSame(await exited, [0, null])
})

t.test('without a parent a second signal ends at once what does not finish closing', async t => {
  const child = spawn(process.execPath, [HANGING], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  await once(child.stdout, 'data')                    // "stopping"
  child.kill('SIGTERM')
  t.strictSame(await exited, [1, null])
})
