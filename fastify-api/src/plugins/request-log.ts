import fp from 'fastify-plugin'
import { pathOf } from '@fastify-uws-auth/auth-contract'

/** One line for each answered request: its path without the query, which may hold a token. */
export default fp(async app => {
  // No member of this line has a name that is removed, and looking for them takes longer than writing it.
  const log = app.log.child({}, { redact: [] })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    log.info({
      requestId: request.id,
      method: request.method,
      path: pathOf(request.url),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ip: request.ip
    }, 'request')
    done()
  })
}, { name: 'request-log' })
