import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { FINISH_WITHIN_MS } from '../stop-time.js'

/** For a request of which a part has come when nothing new is accepted any more. */
const ARRIVE_WITHIN_MS = 1000

declare module 'fastify' {
  interface FastifyInstance {
    /** True from the moment in which closing has begun. */
    isDraining: () => boolean
  }
}

/**
 * Makes `app.close()` lose no request. For `noticeMs` everything is answered as before, but with `Connection: close`, so
 * that the connections which proxies keep get empty while `/ready` sends them elsewhere. Then nothing new is accepted, and
 * what has been asked is answered, within `FINISH_WITHIN_MS`.
 */
export default fp<{ noticeMs: number }>(async (app, { noticeMs }) => {
  const { server } = app
  let draining = false
  /** What was asked last on each connection; answered when it is closed or gone. */
  const newest = new Map<Socket, ServerResponse | undefined>()
  server.on('connection', (socket: Socket) => {
    newest.set(socket, undefined)
    socket.once('close', () => newest.delete(socket))
  })
  // Before the request is handled, which may be over in the same tick.
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    newest.set(socket, response)
  })
  // Only so that a connection that waits for its next request holds no response.
  app.addHook('onResponse', ({ raw: { socket } }, { raw }, done) => {
    if (newest.get(socket) === raw) newest.set(socket, undefined)
    done()
  })

  app.decorate('isDraining', () => draining)
  // The last answer closes the connection (RFC 9112, section 9.6); one before it would cut off those that are pipelined behind it.
  app.addHook('onSend', (request, { raw }, _payload, done) => {
    if (!draining) return done()
    // What came in the same packet may not have been read: some answers are ready in the tick in which they were asked for.
    setImmediate().then(() => {
      if (newest.get(request.raw.socket) === raw) raw.setHeader('connection', 'close')
      else raw.removeHeader('connection')
      done()
    }, done)
  })
  app.addHook('preClose', async () => {
    draining = true
    if (!server.listening) return
    await sleep(noticeMs)
    const cutting = [
      setTimeout(() => { for (const [socket, response] of newest) if (response === undefined || response.closed) socket.destroy() }, ARRIVE_WITHIN_MS),
      setTimeout(() => server.closeAllConnections(), FINISH_WITHIN_MS)
    ]
    server.once('close', () => cutting.forEach(timer => clearTimeout(timer)))
    // Right after connections and bytes were taken in: what the system holds then for a socket that closes is lost.
    await setImmediate()
  })
}, { name: 'draining' })
