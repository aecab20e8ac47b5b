import t from 'tap'
import { SocketClient } from './fixtures/socket-client.js'
import { claimsOf, startSocketServer } from './fixtures/socket-server.js'

// The library can close a socket by mistake when it is upgraded inside cork() and something allocates memory there.
t.test('500 sockets that open at once all stay open and get every answer', async t => {
  const server = await startSocketServer(t)
  const accessToken = await server.mint(claimsOf())
  const echoes = Array.from({ length: 20 }, (_, n) => ({ type: 'echo', id: String(n), payload: { n } }))

  const clients = Array.from({ length: 500 }, () => new SocketClient(server.url, { headers: { authorization: `Bearer ${accessToken}` } }))
  await Promise.all(clients.map(async client => {
    await client.frame('connected')
    for (const echo of echoes) client.say(echo)
    await client.answer(echoes.at(-1)!.id)
  }))

  t.ok(clients.every(({ frames }) => frames.length === 1 + echoes.length), 'connected and 20 echoes each')
  t.notOk(server.logged.some(line => line.includes('socket closed')))
  for (const { socket } of clients) socket.terminate()
  await Promise.all(clients.map(({ closed }) => closed))
})
