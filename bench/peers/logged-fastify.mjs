import Fastify, { LogController } from 'fastify'

/** Fastify with one line of its own logger for each answered request, which has what ours has. */
export function createFastify () {
  const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info({ method: request.method, path: request.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10, ip: request.ip }, 'request')
    done()
  })
  return app
}

export async function listen (app) {
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
  process.send('ready')
  process.on('disconnect', () => process.exit())
}
