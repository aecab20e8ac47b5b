import {
  AuthError, type GenerationConfirmer, type Principal, type RevocationFeed, type RevocationSet, type VerifiedTokens
} from '@fastify-uws-auth/auth-contract'
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { isRepeated } from '../repeated-header.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Refuses a request without a good access token; sets `request.principal`. */
    authenticate: onRequestHookHandler
    /** As `authenticate`, but leaves `request.principal` undefined instead of refusing. */
    authenticateIfPossible: onRequestHookHandler
  }
  interface FastifyRequest { principal: Principal | undefined }
}

export interface BearerOptions {
  tokens: VerifiedTokens
  revocations: RevocationSet
  feed: RevocationFeed
  confirmer: GenerationConfirmer
}

// RFC 6750, section 2.1: the only carrier; tokens in the query or the body are not looked at.
const BEARER = /^Bearer +([^ ]+)$/i

export default fp<BearerOptions>(async (app, { tokens, revocations, feed, confirmer }) => {
  /** Calls `next` in this tick when the access token is known already: most are, and a promise would cost as much as the look-up. */
  const identify = (request: FastifyRequest, next: (err?: Error) => void): void => {
    if (isRepeated(request.raw, 'authorization')) return next(new AuthError('invalid_request', { detail: 'Authorization was sent more than once.' }))
    const accessToken = BEARER.exec(request.headers.authorization ?? '')?.[1]
    if (accessToken === undefined) return next()
    const known = tokens.lookUp(accessToken)
    if (known !== undefined) return next(admit(request, known))
    tokens.verify(accessToken).then(verification => {
      if (verification.kind === 'verified') return next(admit(request, verification.principal))
      request.log.debug({ verification: verification.kind === 'refused' ? verification.reason : 'expired' }, 'access token refused')
      next()
    }, next)
  }

  /** In the tick in which the token was looked up or verified: a revocation that was applied meanwhile must be seen. */
  const admit = (request: FastifyRequest, principal: Principal): Error | undefined => {
    if (feed.isStale()) return new AuthError('temporarily_unavailable', { cause: new Error('revocation feed is stale') })
    if (revocations.has(principal.sessionId)) return undefined
    confirmer.observe(principal.sessionId, principal.refreshGeneration)
    request.principal = principal
    return undefined
  }

  app.decorateRequest('principal', undefined)
  app.decorate('authenticate', (request, _reply, done) => {
    identify(request, err => done(err ?? (request.principal === undefined ? new AuthError('invalid_token') : undefined)))
  })
  app.decorate('authenticateIfPossible', (request, _reply, done) => { identify(request, done) })
}, { name: 'bearer' })
