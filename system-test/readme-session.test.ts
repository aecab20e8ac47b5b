import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { startLocalMode } from './fixtures/local-mode.js'
import { NGINX_MISSING, startNginx } from './fixtures/nginx.js'
import { freePort } from './fixtures/part.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/

t.test('the session in the README works as it is written there', { skip: missingPrograms() }, async t => {
  const local = await startLocalMode(t, { LOG_LEVEL: 'trace', TRUSTED_PROXIES: '127.0.0.1' })
  const cookies: string[] = []

  t.test('directly', async t => { cookies.push(...await followSession(t, `localhost:${local.apiPort}`, `localhost:${local.wsPort}`)) })

  t.test('through nginx on plain http', { skip: NGINX_MISSING }, async t => {
    const port = await freePort()
    const door = `localhost:${port}`
    const nginx = await startNginx(t, { PUBLIC_URL: `http://${door}`, API_UPSTREAMS: `127.0.0.1:${local.apiPort}`, WS_UPSTREAMS: `127.0.0.1:${local.wsPort}` }, port)
    cookies.push(...await followSession(t, door, door))
    await until(() => nginx.accessLog().length === 4)         // login, protected, refresh and, when it has ended, the socket
    const everything = JSON.stringify(nginx.accessLog()) + nginx.errorLog()
    t.equal(everything.match(JWT), null)
    for (const value of cookies) t.notOk(everything.includes(value))
  })

  t.test('and leaves no secret in the logs', async t => {
    await local.stop()
    t.notMatch(local.output(), /password123.*password/, 'no password')
    t.equal(local.output().match(JWT), null, 'no access token, at their most talkative')
    for (const value of cookies) t.notOk(local.output().includes(value), 'no cookie either')
  })
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

/** @returns the values of the cookies that curl was given */
async function followSession (t: Test, api: string, sockets: string): Promise<string[]> {
  const terminal = openTerminal(t, readSession().replaceAll('localhost:3000', api).replaceAll('localhost:3001', sockets))
  await terminal.until(/"type":"connected"/)
  const [protectedAnswer, refreshAnswer] = splitAnswers(terminal.output())
  t.match(protectedAnswer, { user: { username: 'testuser' }, session: { id: String } })
  t.match(refreshAnswer, { accessToken: JWT, tokenType: 'Bearer', expiresIn: 900, session: { id: String } })

  terminal.type('{"type":"ping"}')
  await terminal.until(/"type":"pong"/)
  terminal.type(`{"type":"reauth","access":"${refreshAnswer.accessToken}"}`)
  await terminal.until(/"type":"reauth_success"/)
  t.notMatch(terminal.output(), /"unchanged":true/, 'the refreshed access token is newer than the one at the opening')

  terminal.type('{"type":"bye"}')
  await terminal.ended
  const { refreshToken, device } = cookieValues(terminal.folder)
  t.match([refreshToken, device], [/^[\w-]{115}$/, /^[\w-]{43}$/])
  return [refreshToken!, device!]
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
    ended: exited,
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
