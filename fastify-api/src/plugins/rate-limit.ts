import { AuthError } from '@fastify-uws-auth/auth-contract'
import rateLimit, { normalizeIP, type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { clientAddressOf } from '../client-address.js'
import type { LimitCounters } from '../limits/limit-counters.js'
import type { LimitKeys } from '../limits/limit-key.js'

const WINDOW = '1 minute'

/** Requests per minute and address (IPv6 by /64). */
export const RATE_LIMITS = { anything: 1200, login: 30, reauthenticate: 30, refresh: 300, wsTicket: 120 } as const

declare module 'fastify' {
  interface FastifyInstance {
    /** Route config that gives a route its own limit. */
    rateLimitOf: (name: keyof typeof RATE_LIMITS) => { rateLimit: { max: number, timeWindow: string, groupId: string } }
  }
}

export interface RateLimitOptions {
  multiplier: number
  counters: LimitCounters
  limitKeys: LimitKeys
  onLimited: () => void
}

export default fp<RateLimitOptions>(async (app, { multiplier, counters, limitKeys, onLimited }) => {
  if (multiplier > 1) app.log.warn({ multiplier }, 'RATE_LIMIT_MULTIPLIER raises every rate limit; for tests only')
  const maximum = (name: keyof typeof RATE_LIMITS) => Math.ceil(RATE_LIMITS[name] * multiplier)
  app.decorate('rateLimitOf', name => ({ rateLimit: { max: maximum(name), timeWindow: WINDOW, groupId: ` ${name}` } }))
  const nameOf = ({ routeOptions: { config } }: FastifyRequest) => (config.rateLimit || undefined)?.groupId?.trim() ?? 'anything'

  // The library's own store shows every request of a tick the last one's count: of a burst over the limit none passes.
  class Store implements FastifyRateLimitStore {
    /** @param addressAndGroup the library's key: the address, and the `groupId` of a route with a limit of its own */
    incr (addressAndGroup: string, callback: Parameters<FastifyRateLimitStore['incr']>[1], windowMs?: number): void {
      counters.count(limitKeys('route', addressAndGroup), windowMs!)
        .then(({ count, resetMs }) => callback(null, { current: count, ttl: resetMs }), err => callback(err))
    }

    child (): Store {
      return this
    }
  }

  await app.register(rateLimit, {
    max: maximum('anything'),
    timeWindow: WINDOW,
    store: Store,
    // As the default does it, IPv6 by /64, but without the ports that some proxies add.
    keyGenerator: request => normalizeIP(clientAddressOf(request) ?? 'unknown'),
    enableDraftSpec: true,
    onExceeded (request) {
      onLimited()
      request.log.info({ event: 'request.limited', limit: nameOf(request), ip: request.ip }, 'too many requests')
    },
    errorResponseBuilder: (_request, { ttl }) => new AuthError('rate_limited', { retryAfter: Math.ceil(ttl / 1000) })
  })
}, { name: 'rate-limit' })

/** Headers that tell of a limit, for pages of other origins. */
export const RATE_LIMIT_HEADERS = ['Retry-After', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
