// The library ws with jose, as its manual shows it: the access token is verified at the upgrade.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { verifyWithJose } from './verify-with-jose.mjs'

const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 })
const server = createServer()

server.on('upgrade', async (request, socket, head) => {
  socket.on('error', () => {})
  try {
    const claims = await verifyWithJose(request.headers.authorization.slice('Bearer '.length))
    sockets.handleUpgrade(request, socket, head, ws => open(ws, claims))
  } catch {
    socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
  }
})
server.listen(Number(process.env.PORT), '127.0.0.1', 512, () => process.send('ready'))
process.on('disconnect', () => process.exit())

function open (ws, claims) {
  ws.user = claims.sub
  ws.session = claims.sid
  ws.on('error', () => {})
  ws.on('message', data => {
    const { type, id, payload } = JSON.parse(data)
    if (type === 'echo') ws.send(JSON.stringify({ type, id, payload }))
  })
}
