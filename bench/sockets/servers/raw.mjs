// uWebSockets.js alone: no authentication, messages go back as they came.
import { App } from 'uWebSockets.js'

App()
  .ws('/ws', { idleTimeout: 60, message: (socket, message, isBinary) => { socket.send(message, isBinary) } })
  .listen('127.0.0.1', Number(process.env.PORT), 1, () => process.send('ready'))
process.on('disconnect', () => process.exit())
