import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { consume, countMails, createUser, mailsOf, newDevice } from './fixtures/mails.js'
import { runProgram } from './fixtures/programs.js'
import { startSmtpServer } from './fixtures/smtp-server.js'

const PASSWORD = 'canary-5f0c/:@'
const MAIL_FROM = 'no-reply@auth.example.test'
/** This machine, but for the worker a host like any other. */
const ELSEWHERE = '127.0.0.2'
const NO_SECOND_ADDRESS = process.platform !== 'linux' && 'the loopback interface has one address here'

const folder = mkdtempSync(path.join(tmpdir(), 'mail-worker-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

t.test('workers as processes of their own', async t => {
  const { pool, connectionString } = await createDatabase(t)
  const mailTo = async (username: string) => await consume(pool, [newDevice(await createUser(pool, username))])
  const settings = { DATABASE_URL: connectionString, MAIL_FROM, LOG_LEVEL: 'trace' }
  t.afterEach(() => pool.query('delete from users'))

  t.test('one is killed in the middle: every mail arrives, what arrives twice has the same Message-ID', async t => {
    const server = await startSmtpServer(t)
    const mailToUsers = (from: number, to: number) => Promise.all(Array.from({ length: to - from }, (_, i) => mailTo(`user${from + i}`)))
    await mailToUsers(0, 10)
    const first = await startWorker(t, { ...settings, SMTP_URL: server.url })
    await until(() => server.received.length === 10)
    server.at('message', 'silence')                    // the next ones are taken by the server and not answered
    await mailToUsers(10, 60)
    await until(() => server.unanswered.length === 4)
    const ended = once(first.child, 'exit')
    first.child.kill('SIGKILL')
    await ended
    server.at('message', 'accepts')
    await pool.query("update mails set next_try_at = now() where state = 'waiting'")
    await Promise.all([1, 2].map(() => startWorker(t, { ...settings, SMTP_URL: server.url })))
    await until(async () => await countMails(pool, 'sent') === 60)
    const ids = server.received.map(({ headers }) => headers.get('message-id'))
    t.equal(new Set(ids).size, 60)
    t.ok(server.unanswered.every(({ headers }) => ids.includes(headers.get('message-id'))))
    t.ok(ids.length + server.unanswered.length <= 60 + 2 * 4, 'only what was under way is sent again')
  })

  t.test('a password leaves for another host inside verified TLS only, and is in no log', { skip: NO_SECOND_ADDRESS }, async t => {
    const { key, cert, file } = makeCertificate(ELSEWHERE)
    const credentials = `ada:${encodeURIComponent('right')}@`
    const wrong = `ada:${encodeURIComponent(PASSWORD)}@`
    const plain = await startSmtpServer(t, { disabledCommands: ['STARTTLS'], allowInsecureAuth: true, authOptional: false }, ELSEWHERE)
    const encrypted = await startSmtpServer(t, { key, cert, authOptional: false }, ELSEWHERE)
    const cases: Array<[url: string, env: NodeJS.ProcessEnv, code: RegExp]> = [
      [plain.url.replace('//', `//${credentials}`), {}, /^ETLS/],
      [encrypted.url.replace('//', `//${credentials}`), {}, /^E(SOCKET|TLS)/],
      [encrypted.url.replace('//', `//${wrong}`), { NODE_EXTRA_CA_CERTS: file }, /^EAUTH 535/]
    ]
    await mailTo('ada')
    let output = ''
    for (const [url, env, code] of cases) {
      const worker = await startWorker(t, { ...settings, ...env, SMTP_URL: url })
      await pool.query("update mails set next_try_at = now(), last_error = null where state = 'waiting'")
      await until(async () => (await mailsOf(pool, 'last_error is not null')).length === 1)
      t.match(await mailsOf(pool), [{ state: 'waiting', last_error: code }])
      output += await worker.stop()
    }
    t.same(plain.logins, [])
    t.same(encrypted.logins, [{ username: 'ada', password: PASSWORD }])
    const worker = await startWorker(t, { ...settings, NODE_EXTRA_CA_CERTS: file, SMTP_URL: encrypted.url.replace('//', `//${credentials}`) })
    await pool.query('update mails set next_try_at = now()')
    await until(async () => await countMails(pool, 'sent') === 1)
    t.equal(encrypted.received.length, 1)
    output += await worker.stop()
    t.match(output, /mails cannot be sent, they wait/)
    for (const form of [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(`\0ada\0${PASSWORD}`).toString('base64'), 'canary']) t.notOk(output.includes(form), form)
  })

  t.test('without SMTP_URL mails are files; it stops on SIGTERM', async t => {
    const MAIL_DIR = path.join(folder, 'mails')
    const worker = await startWorker(t, { ...settings, MAIL_DIR, MAIL_FROM: '' })
    await mailTo('ada')
    await until(async () => await countMails(pool, 'sent') === 1)
    const [mail] = await mailsOf(pool)
    t.same(readdirSync(MAIL_DIR), [`${mail!.id}.eml`])
    t.match(readFileSync(path.join(MAIL_DIR, `${mail!.id}.eml`), 'utf8'), /From: no-reply@localhost\r\n/)
    t.notMatch(await worker.stop(), /ada@example/)
    t.equal(worker.child.exitCode, 0)
  })

  t.test('an administrator sees what waits and what was abandoned, and has it tried again', async t => {
    const admin = (...args: string[]) => runProgram('packages/local-mode/dist/admin.js', args, { DATABASE_URL: connectionString })
    for (const name of ['ada', 'bob', 'cyd']) await mailTo(name)
    await pool.query("update mails set state = 'abandoned', attempts = 7, last_error = 'EENVELOPE 550', waiting_since = now() - interval '25 hours', finished_at = now() where recipient <> 'cyd@example.test'")
    const [ada] = await mailsOf(pool, "recipient = 'ada@example.test'")
    const { stdout } = await admin('mail', 'list')
    t.match(stdout, `${ada!.id}\tnew_device\tada\tabandoned\t7 tries\tEENVELOPE 550\t-\n`)
    t.match(stdout, /\tnew_device\tcyd\twaiting\t0 tries\t-\tnext \d{4}-\S+Z\n3 mails\n$/)
    const [known, unknown] = await Promise.all([admin('mail', 'retry', ada!.id), admin('mail', 'retry', 'nonsense')])
    t.match(known, { code: 0, stdout: '1 mail(s) will be tried again.\n' })
    t.match(unknown, { code: 1, stderr: /no abandoned mail/ })
    t.match(await mailsOf(pool, `id = '${ada!.id}'`), [{ state: 'waiting', attempts: 0 }])
    const [again, all] = await Promise.all([admin('mail', 'retry', ada!.id), admin('mail', 'retry', '--all')])
    t.match(again, { code: 1, stderr: /no abandoned mail/ })
    t.match(all, { code: 0, stdout: '1 mail(s) will be tried again.\n' })
    t.equal(await countMails(pool, 'waiting'), 3)
    t.equal((await mailsOf(pool, "waiting_since > now() - interval '1 hour'")).length, 3)
  })
})

async function startWorker (t: Test, env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess, stop: () => Promise<string> }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../dist/worker.js', import.meta.url))], {
    env: { PATH: process.env['PATH'], MAIL_DIR: folder, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', chunk => { output += chunk })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    return output
  }
  t.teardown(stop)
  await Promise.race([once(child, 'message'), exited.then(() => { throw new Error(`the worker did not start: ${output}`) })])
  return { child, stop }
}

function makeCertificate (address: string): { key: Buffer, cert: Buffer, file: string } {
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  const { status, stderr } = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=mail',
    '-addext', `subjectAltName=IP:${address}`, '-keyout', key, '-out', cert], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  return { key: readFileSync(key), cert: readFileSync(cert), file: cert }
}
