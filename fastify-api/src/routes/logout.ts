import { Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { signOut, type SignOutContext } from '../auth/sign-out.js'
import type { RefreshCookie } from '../refresh-cookie.js'
import { problems } from './schemas.js'

const LogoutRequest = Type.Object({
  everywhere: Type.Optional(Type.Boolean({ description: 'End every session of the user' }))
}, { additionalProperties: false })

export interface LogoutOptions { signOutContext: SignOutContext, cookie: RefreshCookie }

export const logoutRoute: FastifyPluginAsyncTypebox<LogoutOptions> = async (app, { signOutContext, cookie }) => {
  app.post('/logout', {
    schema: { summary: 'End the session of the cookie or the access token', tags: ['sessions'], body: LogoutRequest, response: { 204: Type.Null(), ...problems(400, 403, 413, 415, 429, 503) } },
    config: app.rateLimitOf('refresh'),
    onRequest: app.requireAllowedOrigin,
    preValidation: app.authenticateIfPossible
  }, async (request, reply) => {
    const refreshToken = cookie.read(request)
    const ended = await signOut(signOutContext, { refreshToken, principal: request.principal, everywhere: request.body.everywhere ?? false, requestId: request.id })
    for (const { sid, sub, reason } of ended) request.log.info({ event: 'session.revoked', reason, sessionId: sid, userId: sub, ip: request.ip }, 'signed out')
    cookie.clear(reply)
    return reply.code(204).header('cache-control', 'no-store').send(null)
  })
}
