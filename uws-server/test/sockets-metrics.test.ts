import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createMeter } from '@fastify-uws-auth/auth-contract'
import t from 'tap'
import { SocketClient, connect, refusal } from './fixtures/socket-client.js'
import { PAGE, claimsOf, startSocketServer } from './fixtures/socket-server.js'
import { sellTicket } from './fixtures/tickets.js'

t.test('what operators see', async t => {
  const meter = (await createMeter(9))!               // as with METRICS_PORT; this test reads it without the port
  const server = await startSocketServer(t, {}, () => ({ meter }))
  const claims = claimsOf()
  const accessToken = await server.mint(claims)
  const bearer = { headers: { authorization: `Bearer ${accessToken}` } }
  const read = async (pattern: RegExp) => Number(pattern.exec((await meter.render()).text)?.[1])

  for (const never of ['ws_connects_total{result="try_again_later",carrier="ticket"}', 'ws_closes_total{code="4410",initiator="server"}', 'ws_reauths_total{result="revoked"}']) {
    t.ok((await meter.render()).text.includes(`\n${never} 0\n`), `${never} begins at 0`)
  }
  const anonymous = await connect(server.url)
  const byHeader = await connect(server.url, bearer)
  const byQuery = await connect(`${server.url}?token=${accessToken}`)
  const byTicket = await connect(`${server.url}?ticket=${await sellTicket(server.database.pool, server.keys.kid, claims)}`)
  t.equal(await read(/^ws_sockets\{state="anonymous"\} (\d+)$/m), 1)
  t.equal(await read(/^ws_sockets\{state="active"\} (\d+)$/m), 3)
  const byMessage = await connect(server.url)
  byMessage.say({ type: 'auth', access: accessToken })
  await byMessage.count(2)
  await refusal(`${server.url}?token=bad`)
  await new SocketClient(`${server.url}?token=a&token=b`, { origin: PAGE }).closed
  for (const [result, carrier, count] of [
    ['accepted', 'header', 1], ['accepted', 'query', 1], ['accepted', 'ticket', 1], ['accepted', 'message', 1], ['invalid_token', 'query', 1], ['bad_request', 'none', 1]
  ]) {
    t.equal(await read(new RegExp(`^ws_connects_total\\{result="${result}",carrier="${carrier}"\\} (\\d+)$`, 'm')), count, `${result} ${carrier}`)
  }

  byHeader.say({ type: 'reauth', id: 'same', access: accessToken })
  byHeader.say({ type: 'reauth', id: 'new', access: await server.mint({ ...claims, rg: 1 }) })
  byHeader.say({ type: 'reauth', id: 'bad', access: 'bad' })
  await byHeader.answer('bad')
  for (const result of ['unchanged', 'renewed', 'invalid_token']) t.equal(await read(new RegExp(`^ws_reauths_total\\{result="${result}"\\} (\\d+)$`, 'm')), 1, result)

  await anonymous.leave()
  byTicket.socket.close(4999)
  await byTicket.closed
  byQuery.socket.terminate()
  await byQuery.closed
  await server.endSession(claims)
  await Promise.all([byHeader.closed, byMessage.closed])
  while (await read(/^ws_sockets\{state="active"\} (\d+)$/m) > 0) await delay(10)
  for (const [code, initiator, count] of [['1005', 'client', 1], ['other', 'client', 1], ['1006', 'network', 1], ['4410', 'server', 2]]) {
    t.equal(await read(new RegExp(`^ws_closes_total\\{code="${code}",initiator="${initiator}"\\} (\\d+)$`, 'm')), count, `${code} ${initiator}`)
  }
  t.equal(await read(/^ws_revocation_close_seconds_count (\d+)$/m), 2)
  t.match((await meter.render()).text, /^nodejs_eventloop_lag_seconds /m)
  t.notMatch((await meter.render()).text, new RegExp(`${String(claims['sub'])}|${String(claims['sid'])}`))
})

t.test('bytes for a reader who does not read: buffered, then dropped', async t => {
  const meter = (await createMeter(9))!
  const server = await startSocketServer(t, {}, () => ({ meter }))
  const read = async (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await meter.render()).text)?.[1])
  const client = await connect(`${server.url}?token=${await server.mint()}`)
  client.socket.pause()
  const payload = { text: randomBytes(7500).toString('hex') }
  const fillUntil = async (isEnough: () => Promise<boolean>) => {
    while (!await isEnough()) {
      client.say({ type: 'echo', payload })
      await delay(1)
    }
  }
  await fillUntil(async () => await read('ws_buffered_bytes') > 0)
  await fillUntil(async () => await read('ws_dropped_bytes_total') > 0)
  t.ok(await read('ws_dropped_bytes_total') > 262_144)
  client.socket.resume()
  t.equal((await client.closed).code, 4508)
  t.equal(await read('ws_buffered_bytes'), 0)
})
