// uWebSockets.js and the bare check of the access token's signature: the least that authenticates at all.
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { App } from 'uWebSockets.js'

const key = createPublicKey(readFileSync(process.env.PUBLIC_KEY_PATH))

App()
  .ws('/ws', {
    idleTimeout: 60,
    upgrade (res, req, context) {
      const accessToken = req.getHeader('authorization').slice('Bearer '.length)
      const end = accessToken.lastIndexOf('.')
      const isSigned = verify('RSA-SHA256', Buffer.from(accessToken.slice(0, end)), key, Buffer.from(accessToken.slice(end + 1), 'base64url'))
      if (!isSigned) return res.writeStatus('401 Unauthorized').end()
      res.upgrade({}, req.getHeader('sec-websocket-key'), '', '', context)
    },
    message: (socket, message, isBinary) => { socket.send(message, isBinary) }
  })
  .listen('127.0.0.1', Number(process.env.PORT), 1, () => process.send('ready'))
process.on('disconnect', () => process.exit())
