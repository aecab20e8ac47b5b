import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { processGroup, processTree, untilGone } from './fixtures/process-tree.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const KEPT = path.join(PROJECT, 'bench/results/sockets-memory.json')
const HARNESS = pathToFileURL(path.join(PROJECT, 'bench/harness')).href
const NODE = [process.execPath, '--import', 'tsx']
const LIMIT = { timeout: 60_000 }

interface Outcome { status: number, output: string, leftFolders: string[] }

/** Runs a command as a shell would, and interrupts all of its processes when it has printed a text. Returns when none of them is left. */
async function interrupt (t: Test, command: string[], when: string, signal: NodeJS.Signals = 'SIGINT'): Promise<Outcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-interrupt-'))
  const child = spawn(command[0]!, command.slice(1), { cwd: PROJECT, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: folder }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const group = child.pid!
  t.teardown(() => {
    for (const { pid } of processGroup(group)) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const ended = new Promise<number>(resolve => child.once('close', (code, killedBy) => resolve(code ?? 128 + constants.signals[killedBy!])))
  let output = ''
  const printed = new Promise<void>(resolve => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        if (output.includes(when)) resolve()
      })
    }
  })
  await Promise.race([printed, ended.then(() => { throw new Error(`it ended before it printed "${when}":\n${output}`) })])
  const processes = processTree(group)
  process.kill(-group, signal)
  const status = await ended
  await untilGone([...processes, ...processGroup(group)])
  return { status, output, leftFolders: readdirSync(folder).filter(name => !name.startsWith('tsx-')) }
}

t.test('Ctrl-C within a part of a bench ends all of it and leaves nothing', LIMIT, async t => {
  const { status, output, leftFolders } = await interrupt(t, [...NODE, 'bench/sockets/memory.ts', '20', '1'], 'ours …')
  t.equal(status, 130)
  t.notMatch(output, /no authentication …|\n +at /, 'no other part, no stack trace')
  t.strictSame(leftFolders, [])
})

t.test('SIGTERM while PostgreSQL is being started', LIMIT, async t => {
  const { status, output, leftFolders } = await interrupt(t, [...NODE, 'bench/statements/main.ts', '0.1', '100'], 'filling 100 sessions …', 'SIGTERM')
  t.equal(status, 143)
  t.match(output, /^filling 100 sessions …\ninterrupted\n$/)
  t.strictSame(leftFolders, [])
})

t.test('Ctrl-C ends npm run bench: no other bench is begun and nothing is kept', LIMIT, async t => {
  const modified = () => statSync(KEPT, { throwIfNoEntry: false })?.mtimeMs
  const before = modified()
  const { status, output, leftFolders } = await interrupt(t, ['npm', 'run', '--silent', 'bench', '--', 'sockets-memory', 'growth'], 'ours …')
  t.equal(status, 130)
  t.match(output, /bench 1 of 2/)
  t.notMatch(output, /bench 2 of 2|kept in|not kept/)
  t.equal(modified(), before)
  t.strictSame(leftFolders, [])
})

t.test('a bench that waits for nothing notices as well, publishes nothing, and takes down what is registered late', LIMIT, async t => {
  const program = `
    import { publish } from '${HARNESS}/measurements.js'
    import { alternate } from '${HARNESS}/slices.js'
    import { withTeardown } from '${HARNESS}/teardown.js'
    await withTeardown(async t => {
      t.teardown(() => console.log('first is down'))
      const busy = async () => { for (const end = performance.now() + 20; performance.now() < end;); }
      await withTeardown(async own => {
        const isDown = new Promise(resolve => own.teardown(() => {
          console.log('within is down')
          resolve()
        }))
        await alternate('busy', 1e9, { busy }).catch(() => isDown)
        own.teardown(() => console.log('late is down'))
      }).catch(() => {})
      publish({ bench: 'none', title: 'published', method: '', versions: {}, figures: {}, tables: [] })
    })
    console.log('after')`
  const { status, output } = await interrupt(t, [...NODE, '--input-type=module', '--eval', program], 'busy: ')
  t.equal(status, 130)
  t.match(output, /within is down\nlate is down\nfirst is down\n$/)
  t.notMatch(output, /published|after/)
})
