import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startLocalMode } from './fixtures/local-mode.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/g

t.test('the session in the README works as it is written there', { skip: missingPrograms() }, async t => {
  const local = await startLocalMode(t, { LOG_LEVEL: 'trace' })
  const session = readSession().replaceAll('localhost:3000', `localhost:${local.apiPort}`).replaceAll('localhost:3001', `localhost:${local.wsPort}`)
  const terminal = openTerminal(t, session)

  await terminal.until(/"type":"connected"/)
  const shown = terminal.output()
  const [protectedAnswer, refreshAnswer] = splitAnswers(shown)
  t.match(protectedAnswer, { user: { username: 'testuser' }, session: { id: String } })
  t.match(refreshAnswer, { accessToken: JWT, tokenType: 'Bearer', expiresIn: 900, session: { id: String } })

  terminal.type('{"type":"ping"}')
  await terminal.until(/"type":"pong"/)
  terminal.type(`{"type":"reauth","access":"${refreshAnswer.accessToken}"}`)
  await terminal.until(/"type":"reauth_success"/)
  t.notMatch(terminal.output(), /"unchanged":true/, 'the refreshed access token is newer than the one at the opening')

  await local.stop()
  t.notMatch(local.output(), /password123.*password/, 'no password in the logs')
  t.equal(local.output().match(JWT), null, 'no access token in the logs at their most talkative')
  const { refreshToken, device } = cookieValues(terminal.folder)
  t.match([refreshToken, device], [/^[\w-]{115}$/, /^[\w-]{43}$/])
  for (const value of [refreshToken!, device!]) t.notOk(local.output().includes(value), 'no cookie either')
})

t.test('the README lists the commands that package.json has', async t => {
  const { scripts } = JSON.parse(readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const pages = ['README.md', 'CONTRIBUTING.md'].map(name => readFileSync(path.join(PROJECT, name), 'utf8')).join('\n')
  for (const [, name] of pages.matchAll(/npm run ([a-z:-]+)/g)) t.ok(scripts[name!], `npm run ${name}`)
})

function missingPrograms (): string | false {
  const missing = ['curl', 'jq'].filter(name => spawnSync(name, ['--version']).error)
  if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`${missing.join(' and ')} must be installed for this test`)
  return missing.length > 0 && `${missing.join(' and ')} not installed`
}

function readSession (): string {
  const block = [...readFileSync(path.join(PROJECT, 'README.md'), 'utf8').matchAll(/```bash\n([^`]*)```/g)].map(([, code]) => code!).find(code => code.includes('/api/login'))
  if (block === undefined) throw new Error('the README has no session')
  return block
}

/** A shell in a folder of its own, from which npx finds the project's programs. */
function openTerminal (t: Test, script: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-'))
  symlinkSync(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'))
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, stdio: 'pipe', detached: true })
  let output = ''
  let errors = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  shell.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const exited = new Promise(resolve => shell.once('close', resolve))
  t.teardown(async () => {
    // npx starts wscat as a process of its own.
    if (shell.exitCode === null && shell.signalCode === null) process.kill(-shell.pid!, 'SIGKILL')
    await exited
    rmSync(folder, { recursive: true })
  })
  return {
    folder,
    output: () => output,
    type: (line: string) => shell.stdin.write(`${line}\n`),
    async until (pattern: RegExp) {
      while (!pattern.test(output)) {
        if (shell.exitCode !== null) throw new Error(`the session ended early: ${output}${errors}`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }
}

// One line from curl, then what jq printed, then the lines of wscat.
function splitAnswers (output: string): [Record<string, unknown>, { accessToken: string }] {
  const refreshStart = output.indexOf('{\n')
  const refreshEnd = output.indexOf('\n}', refreshStart) + 2
  return [JSON.parse(output.slice(0, refreshStart)), JSON.parse(output.slice(refreshStart, refreshEnd))]
}

/** Of curl's file: tab-separated, the name and the value last. */
function cookieValues (folder: string): Record<string, string> {
  const lines = readFileSync(path.join(folder, 'cookies.txt'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map(line => line.split('\t').slice(-2)).filter(({ length }) => length === 2))
}
