import fp from 'fastify-plugin'
import type { ApiMetrics } from '../metrics.js'

/** Measures each answered request under the route that was declared, never under what a client has sent. */
export default fp<{ metrics: Pick<ApiMetrics, 'answered'> }>(async (app, { metrics }) => {
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions
    const route = url === undefined || request.is404 ? 'none' : `${request.method} ${url}`
    metrics.answered(route, `${Math.floor(reply.statusCode / 100) as 1 | 2 | 3 | 4 | 5}xx`, reply.elapsedTime / 1000)
    done()
  })
}, { name: 'request-metrics' })
