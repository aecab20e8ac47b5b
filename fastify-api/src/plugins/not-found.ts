import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { HTTPMethods } from 'fastify'
import fp from 'fastify-plugin'

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers 405 with Allow (RFC 9110, section 15.5.6) on the known paths. Call it after every route is there. */
    refuseOtherMethods: () => void
  }
}

/** Unknown paths are 404 and count against the rate limit, or probing for paths would be free. */
export default fp(async app => {
  const methodsByUrl = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method, schema }) => {
    if (schema?.hide) return                    // pages, not part of the contract
    const methods = methodsByUrl.get(url) ?? new Set<string>()
    for (const each of [method].flat()) methods.add(each.toUpperCase())
    methodsByUrl.set(url, methods)
  })
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, () => { throw new AuthError('not_found') })
  app.decorate('refuseOtherMethods', () => {
    for (const [url, allowed] of [...methodsByUrl]) {
      app.route({
        url,
        method: METHODS.filter(method => !allowed.has(method)),
        schema: { hide: true },
        handler: (_request, reply) => {
          reply.header('allow', [...allowed].join(', '))
          throw new AuthError('method_not_allowed')
        }
      })
    }
  })
}, { name: 'not-found', dependencies: ['rate-limit'] })
