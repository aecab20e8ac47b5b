// Socket.IO with jose, as its manual shows it: the access token comes in `auth` and a middleware verifies it.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { verifyWithJose } from './verify-with-jose.mjs'

const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false })

io.use(async (socket, next) => {
  try {
    const { sub, sid } = await verifyWithJose(socket.handshake.auth.token)
    socket.data = { user: sub, session: sid }
    next()
  } catch {
    next(new Error('invalid_token'))
  }
})
io.on('connection', socket => {
  socket.on('echo', message => { socket.emit('echo', message) })
})
server.listen(Number(process.env.PORT), '127.0.0.1', 512, () => process.send('ready'))
process.on('disconnect', () => process.exit())
