import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { clientAddressOf } from '../client-address.js'
import type { Counted, LimitCounters } from '../limits/limit-counters.js'
import type { LimitKeys } from '../limits/limit-key.js'
import { networkOf } from '../network.js'

const WINDOW_MS = 60_000
/** Most addresses of which the network is remembered. */
const MOST_ADDRESSES = 5000
const NO_ADDRESS = 'unknown'

/** Requests per minute and address (IPv6 by /64). */
export const RATE_LIMITS = { anything: 1200, login: 30, reauthenticate: 30, refresh: 300, wsTicket: 120 } as const
export type RateLimitName = keyof typeof RATE_LIMITS

declare module 'fastify' {
  interface FastifyInstance {
    /** A hook that counts a request, once, and refuses it over the limit. Routes have theirs by `config.limit`. */
    limitTo: (name: RateLimitName) => onRequestHookHandler
  }
  interface FastifyContextConfig {
    /** The limit that requests of this route count against instead of `anything`; false for none. */
    limit?: RateLimitName | false
  }
  interface FastifyRequest { isCounted: boolean }
}

export interface RateLimitOptions {
  multiplier: number
  counters: LimitCounters
  limitKeys: LimitKeys
  onLimited: () => void
}

/** Counts each request before it is looked at, tells how much is left (draft-ietf-httpapi-ratelimit-headers-06), and answers 429 over the limit. */
export default fp<RateLimitOptions>(async (app, { multiplier, counters, limitKeys, onLimited }) => {
  if (multiplier > 1) app.log.warn({ multiplier }, 'RATE_LIMIT_MULTIPLIER raises every rate limit; for tests only')
  const networks = new LRUCache<string, string>({ max: MOST_ADDRESSES, memoMethod: address => networkOf(address) ?? NO_ADDRESS })

  app.decorateRequest('isCounted', false)
  app.decorate('limitTo', name => {
    const most = Math.ceil(RATE_LIMITS[name] * multiplier)
    const judge = (request: FastifyRequest, reply: FastifyReply, { count, resetMs }: Counted): AuthError | undefined => {
      const resetSeconds = Math.ceil(resetMs / 1000)
      reply.header('ratelimit-limit', most)
      reply.header('ratelimit-remaining', Math.max(0, most - count))
      reply.header('ratelimit-reset', resetSeconds)
      if (count <= most) return undefined
      onLimited()
      request.log.info({ event: 'request.limited', limit: name, ip: request.ip }, 'too many requests')
      return new AuthError('rate_limited', { retryAfter: resetSeconds })
    }
    return (request, reply, done) => {
      if (request.isCounted) return done()
      request.isCounted = true
      const counted = counters.count(limitKeys('route', name, networks.memo(clientAddressOf(request) ?? NO_ADDRESS)), WINDOW_MS)
      // In this tick where no promise is needed: every request waits for it.
      if (counted instanceof Promise) counted.then(counted => done(judge(request, reply, counted)), done)
      else done(judge(request, reply, counted))
    }
  })
  app.addHook('onRoute', route => {
    const name = route.config?.limit ?? 'anything'
    if (name !== false) route.onRequest = [...[route.onRequest ?? []].flat(), app.limitTo(name)]
  })
}, { name: 'rate-limit' })

/** Headers that tell of a limit, for pages of other origins. */
export const RATE_LIMIT_HEADERS = ['Retry-After', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
