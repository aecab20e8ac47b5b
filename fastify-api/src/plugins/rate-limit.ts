import { AuthError } from '@fastify-uws-auth/auth-contract'
import rateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'

const WINDOW = '1 minute'

/** Requests per minute and address (IPv6 by /64). */
export const RATE_LIMITS = { anything: 1200, login: 30, reauthenticate: 30, refresh: 300, wsTicket: 120 } as const

declare module 'fastify' {
  interface FastifyInstance {
    /** Route config that gives a route its own limit. */
    rateLimitOf: (name: keyof typeof RATE_LIMITS) => { rateLimit: { max: number, timeWindow: string } }
  }
}

export default fp<{ multiplier: number }>(async (app, { multiplier }) => {
  if (multiplier > 1) app.log.warn({ multiplier }, 'RATE_LIMIT_MULTIPLIER raises every rate limit; for tests only')
  const maximum = (name: keyof typeof RATE_LIMITS) => Math.ceil(RATE_LIMITS[name] * multiplier)
  app.decorate('rateLimitOf', name => ({ rateLimit: { max: maximum(name), timeWindow: WINDOW } }))
  // No keyGenerator: the default groups IPv6 addresses by /64, one of ours would lose that.
  await app.register(rateLimit, {
    max: maximum('anything'),
    timeWindow: WINDOW,
    errorResponseBuilder: (_request, { ttl }) => new AuthError('rate_limited', { retryAfter: Math.ceil(ttl / 1000) })
  })
}, { name: 'rate-limit' })
