import {
  AuthError, type GenerationConfirmer, type Principal, type RevocationFeed, type RevocationSet, type VerifiedTokens
} from '@fastify-uws-auth/auth-contract'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { isRepeated } from '../repeated-header.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Refuses a request without a good access token; sets `request.principal`. */
    authenticate: onRequestAsyncHookHandler
    /** As `authenticate`, but leaves `request.principal` undefined instead of refusing. */
    authenticateIfPossible: onRequestAsyncHookHandler
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
  const identify = async (request: FastifyRequest): Promise<Principal | undefined> => {
    const accessToken = BEARER.exec(readAuthorization(request) ?? '')?.[1]
    if (accessToken === undefined) return undefined
    const verification = await tokens.verify(accessToken)
    // No await from here on: a revocation that was applied meanwhile must be seen.
    if (verification.kind !== 'verified') {
      request.log.debug({ verification: verification.kind === 'refused' ? verification.reason : 'expired' }, 'access token refused')
      return undefined
    }
    const { principal } = verification
    if (feed.isStale()) throw new AuthError('temporarily_unavailable', { cause: new Error('revocation feed is stale') })
    if (revocations.has(principal.sessionId)) return undefined
    confirmer.observe(principal.sessionId, principal.refreshGeneration)
    return principal
  }

  app.decorateRequest('principal', undefined)
  app.decorate('authenticate', async request => {
    request.principal = await identify(request)
    if (request.principal === undefined) throw new AuthError('invalid_token')
  })
  app.decorate('authenticateIfPossible', async request => {
    request.principal = await identify(request)
  })
}, { name: 'bearer' })

function readAuthorization ({ raw, headers }: FastifyRequest): string | undefined {
  if (isRepeated(raw, 'authorization')) throw new AuthError('invalid_request', { detail: 'Authorization was sent more than once.' })
  return headers.authorization
}
