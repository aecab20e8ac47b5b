import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import t from 'tap'
import type { Mail, MailTemplate } from '../src/db/mails.js'
import { composeMail } from '../src/mail/compose-mail.js'
import { displayed } from '../src/mail/displayed.js'
import { createFileTransport } from '../src/mail/file-transport.js'
import { openMailTransport } from '../src/mail/open-mail-transport.js'
import { createSmtpTransport } from '../src/mail/smtp-transport.js'
import { WorkerConfig } from '../src/worker-config.js'
import { parseMail, startSmtpServer } from './fixtures/smtp-server.js'

const OPTIONS = { from: 'no-reply@auth.example.test', service: 'https://auth.example.test' }
const ID = '01890000-0000-7000-8000-000000000001'

const mailOf = (template: MailTemplate, overrides: Partial<Mail> = {}): Mail => ({
  id: ID,
  template,
  recipient: 'ada@example.test',
  occurredAt: new Date('2026-02-03T04:05:06Z'),
  createdAt: new Date('2026-02-03T04:05:07Z'),
  details: { username: 'ada', ip: '203.0.113.7', userAgent: 'Browser/1.0', by: 'user', failures: 10 },
  requestId: null,
  attempt: 1,
  ...overrides
})

t.test('what a client sent is one harmless line', async t => {
  t.equal(displayed('a\r\nBcc: b@example.test\u0000\x1b[31m'), 'a??Bcc: b@example.test??[31m')
  t.equal(displayed('abc\u202e\u2066\u200f\u2028\u00e9\ud83d'), 'abc??????')
  t.equal(displayed('see https://evil.test and WWW.evil.test'), 'see https: //evil.test and www .evil.test')
  t.equal(displayed('x'.repeat(5000)), `${'x'.repeat(120)}...`)
  for (const nothing of [null, undefined, '']) t.equal(displayed(nothing), 'unknown')
})

t.test('each text says what, when and what to do, and nothing hostile changes a header', async t => {
  const server = await startSmtpServer(t)
  const transport = createSmtpTransport(server.url)
  t.teardown(() => transport.close())
  const hostile = { username: 'ada', ip: '203.0.113.7\r\nX-Evil: 1', userAgent: 'Fire\r\n.\r\nQUIT\r\nSubject: evil \u202etxt.exe \u00e9', by: 'admin' as const, failures: 10 }
  const templates: MailTemplate[] = ['new_device', 'session_theft', 'password_changed', 'account_locked']
  for (const template of templates) {
    t.same(await transport.send(composeMail(mailOf(template, { details: hostile }), OPTIONS), AbortSignal.timeout(10_000)), { kind: 'accepted' })
    const { headers, body, from, to, source } = server.received.at(-1)!
    t.same([from, to], [OPTIONS.from, ['ada@example.test']])
    t.same([...headers.keys()].sort(), ['auto-submitted', 'content-transfer-encoding', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to'])
    t.match(Object.fromEntries(headers), {
      from: OPTIONS.from,
      to: 'ada@example.test',
      'message-id': `<${ID}@auth.example.test>`,
      date: 'Tue, 03 Feb 2026 04:05:07 +0000',
      'auto-submitted': 'auto-generated',
      'content-type': 'text/plain; charset=utf-8'
    })
    t.notMatch(headers.get('subject'), /evil|ada/)
    t.match(body, /Hello ada,[^]*Service: https:\/\/auth\.example\.test\r\nWhen: 2026-02-03 04:05 UTC\r\n/)
    t.notMatch(source, /\P{ASCII}/u)
    if (template === 'new_device') t.match(body, /Browser, as it names itself: Fire\?\?\.\?\?QUIT\?\?Subject: evil \?txt\.exe \?\r\n/)
  }
  t.equal(new Set(server.received.map(({ headers }) => headers.get('subject'))).size, 4)
})

t.test('a lock is told with what it refuses and what still works', async t => {
  const textOf = (knownDevice: boolean) => composeMail(mailOf('account_locked', { details: { username: 'ada', failures: 100, knownDevice } }), OPTIONS).text
  t.match(textOf(false), /Sign-ins from new devices are refused until the administrator[^]*Devices you have signed in from before still work\.[^]*Wrong passwords: 100\n/)
  t.match(textOf(true), /on one of your devices\.\nSign-ins from that device are refused[^]*Your other devices still work\./)
  for (const knownDevice of [true, false]) t.notMatch(textOf(knownDevice), /wait|change your password/)
})

t.test('an address that is more than one address goes nowhere', async t => {
  const server = await startSmtpServer(t)
  const folder = temporaryFolder(t)
  const transports = [createSmtpTransport(server.url), createFileTransport(folder, pino({ enabled: false }))]
  t.teardown(() => transports.forEach(transport => transport.close()))
  for (const recipient of ['a@example.test\r\nBcc: b@example.test', 'a@example.test, b@example.test', 'a@b@example.test', '<a@example.test>', '"a b"@example.test', 'nobody', '']) {
    for (const transport of transports) {
      t.same(await transport.send(composeMail(mailOf('new_device', { recipient }), OPTIONS), AbortSignal.timeout(10_000)), { kind: 'refused', code: 'EADDRESS' })
    }
  }
  t.equal(server.connections(), 0)
  t.same(readdirSync(folder), [])
})

t.test('without SMTP each mail is a file for this user alone, and a log line tells where', async t => {
  const folder = path.join(temporaryFolder(t), 'data', 'mail')
  const logged: string[] = []
  const transport = createFileTransport(folder, pino({}, { write: line => { logged.push(line) } }))
  const send = () => transport.send(composeMail(mailOf('new_device'), OPTIONS), AbortSignal.timeout(10_000))
  t.same(await send(), { kind: 'accepted' })
  t.same(await send(), { kind: 'accepted' }, 'the same mail again is the same file')
  const file = path.join(folder, `${ID}.eml`)
  t.same(readdirSync(folder), [`${ID}.eml`])
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const { headers, body } = parseMail(readFileSync(file, 'utf8'))
  t.equal(headers.get('subject'), 'New sign-in to your account')
  t.match(body, /Address: 203\.0\.113\.7/)
  t.match(JSON.parse(logged[0]!), { mailId: ID, file })
  t.notMatch(logged.join(''), /ada@|203\.0/)

  writeFileSync(path.join(folder, 'not-a-folder'), '')
  const nowhere = createFileTransport(path.join(folder, 'not-a-folder'), pino({ enabled: false }))
  t.same(await nowhere.send(composeMail(mailOf('new_device'), OPTIONS), AbortSignal.timeout(10_000)), { kind: 'failed', code: 'EEXIST' })
})

t.test('settings that cannot be meant are named, not shown', async t => {
  const given = { DATABASE_URL: 'postgres://db/auth', MAIL_FROM: 'no-reply@auth.example.test' }
  const sentenceFor = async (env: NodeJS.ProcessEnv) => {
    const refusal = await openMailTransport(loadConfig(WorkerConfig, { ...given, ...env }), pino({ enabled: false })).then(({ transport }) => transport.close()).catch((err: Error) => err)
    return refusal instanceof Error ? refusal.message : 'accepted'
  }
  for (const SMTP_URL of ['http://mail', 'smtp:', 'smtp://mail?canary=1', 'smtp://ada:canary@mail/?tls.rejectUnauthorized=false', 'smtp://ada:canary%zz@mail', 'smtp://canary@mail', 'smtp://:canary@mail', 'smtp://mail/canary']) {
    t.match(await sentenceFor({ SMTP_URL }).catch((err: Error) => err.message), /^SMTP_URL must be (?!.*canary)/, SMTP_URL)
  }
  for (const MAIL_FROM of ['canary', 'canary@b, c@d', 'Canary <a@b>', 'canary@b\r\nBcc: c@d', 'canary@b\n']) {
    t.match(await sentenceFor({ MAIL_FROM }).catch((err: Error) => err.message), /^MAIL_FROM must be (?!.*canary)/, MAIL_FROM)
  }
  const nobody = { MAIL_FROM: '' }
  t.match(await sentenceFor({ ...nobody, SMTP_URL: 'smtp://ada:canary@mail.example.test' }), /^MAIL_FROM is not set(?!.*canary)/)
  t.match(await sentenceFor({ ...nobody, SMTP_URL: 'smtp://127.0.0.1', PUBLIC_URL: 'https://auth.example.test' }), /^MAIL_FROM is not set/)
  for (const env of [{}, { SMTP_URL: 'smtp://[::1]:2525' }]) t.equal(await sentenceFor({ ...nobody, ...env }), 'accepted')
  for (const SMTP_URL of ['smtp://mail', 'smtps://ada:p%40%3A@mail:465/']) t.equal(await sentenceFor({ SMTP_URL }), 'accepted')
})

function temporaryFolder (t: { teardown: (work: () => void) => void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mail-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
