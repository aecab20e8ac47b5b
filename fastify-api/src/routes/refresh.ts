import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { isAbandoned } from '../abandoned-request.js'
import { createSharedRefresh, type SharedRefreshContext } from '../auth/shared-refresh.js'
import type { ApiMetrics } from '../metrics.js'
import type { RefreshCookie } from '../refresh-cookie.js'
import { originOf } from '../request-origin.js'
import { EmptyBody, TokenResponse, problems } from './schemas.js'

export interface RefreshOptions { sharedRefreshContext: SharedRefreshContext, cookie: RefreshCookie, metrics: ApiMetrics }

export const refreshRoute: FastifyPluginAsyncTypebox<RefreshOptions> = async (app, { sharedRefreshContext, cookie, metrics }) => {
  const refresh = createSharedRefresh(sharedRefreshContext)
  app.post('/refresh', {
    schema: { summary: 'Rotate the refresh cookie and get a new access token', tags: ['sessions'], body: EmptyBody, response: { 200: TokenResponse, ...problems(400, 401, 403, 413, 415, 429, 503) } },
    config: app.rateLimitOf('refresh'),
    onRequest: app.requireAllowedOrigin
  }, async (request, reply) => {
    if (await isAbandoned(request)) {
      request.log.info({ event: 'refresh.abandoned', ip: request.ip }, 'nobody waits for the answer to a refresh, it is not begun')
      return reply.hijack()
    }
    const outcome = await refresh(cookie.read(request) ?? '', originOf(request))
    metrics.refreshed(outcome.kind)
    if (outcome.kind === 'replay') metrics.replayed(outcome.session.secondsSinceRotation)
    if (outcome.kind === 'theft') {
      request.log.warn({ event: 'session.theft', sessionId: outcome.sessionId, userId: outcome.session.userId, ip: request.ip }, 'a used refresh token came back, its session is revoked')
    }
    if (outcome.kind === 'replay_limited') throw new AuthError('rate_limited', { retryAfter: 10 })
    // One answer for every refusal; the log has the kind. The cookie stays: a late refusal of an old token would
    // delete the cookie of a newer session. Only logout clears it.
    if (!('refreshToken' in outcome)) {
      request.log.info({ event: 'refresh.refused', outcome: outcome.kind, sessionId: 'sessionId' in outcome ? outcome.sessionId : undefined, ip: request.ip }, 'refresh refused')
      throw new AuthError('invalid_grant')
    }
    const { session, sessionId, refreshToken, access } = outcome
    request.log.info({ event: 'session.refreshed', outcome: outcome.kind, userId: session.userId, sessionId, generation: session.generation, ip: request.ip }, 'refreshed')
    cookie.set(reply, refreshToken, session.idleExpiresAt)
    reply.header('cache-control', 'no-store')
    return {
      ...access,
      tokenType: 'Bearer' as const,
      session: { id: sessionId, createdAt: session.createdAt.toISOString(), expiresAt: session.expiresAt.toISOString() }
    }
  })
}
