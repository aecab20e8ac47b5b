import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { MAXIMUM_CODE_POINTS } from '../auth/password-policy.js'
import { reauthenticate, type ReauthenticateContext } from '../auth/reauthenticate.js'
import { originOf } from '../request-origin.js'
import { limitedGuess } from './limited-guess.js'
import { problems } from './schemas.js'

const ReauthenticateRequest = Type.Object({
  password: Type.String({ minLength: 1, maxLength: MAXIMUM_CODE_POINTS })
}, { additionalProperties: false })

export interface ReauthenticateOptions { reauthenticateContext: ReauthenticateContext }

export const reauthenticateRoute: FastifyPluginAsyncTypebox<ReauthenticateOptions> = async (app, { reauthenticateContext }) => {
  app.post('/reauthenticate', {
    schema: {
      summary: 'Confirm the password of the signed-in user',
      tags: ['sessions'],
      security: [{ bearer: [] }],
      body: ReauthenticateRequest,
      response: { 204: Type.Null(), ...problems(400, 401, 413, 415, 429, 503) }
    },
    config: app.rateLimitOf('reauthenticate'),
    preValidation: app.authenticate
  }, async (request, reply) => {
    const { subject: userId, sessionId } = request.principal!
    const outcome = await reauthenticate(reauthenticateContext, { userId, sessionId, password: request.body.password, origin: originOf(request) })
    if (outcome.kind === 'limited') throw limitedGuess(request, 'reauthentication.limited', outcome, userId)
    if (outcome.kind !== 'reauthenticated') {
      const refused = outcome.kind === 'refused'
      request.log.info({ event: 'reauthentication.failed', reason: refused ? outcome.reason : outcome.kind, userId, sessionId, ip: request.ip }, 'reauthentication refused')
      if (!refused) throw new AuthError('invalid_token')
      if (outcome.locked) request.log.warn({ event: 'account.locked', userId, ip: request.ip }, 'too many wrong passwords in a row, no further one is evaluated')
      throw new AuthError('invalid_credentials')
    }
    request.log.info({ event: 'reauthentication.succeeded', userId, sessionId, ip: request.ip }, 'reauthenticated')
    return reply.code(204).header('cache-control', 'no-store').send(null)
  })
}
