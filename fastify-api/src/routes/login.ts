import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AccessTokenSigner } from '../auth/access-token-signer.js'
import { MAXIMUM_CODE_POINTS } from '../auth/password-policy.js'
import { signIn, type SignInContext } from '../auth/sign-in.js'
import type { DeviceCookie } from '../device-cookie.js'
import type { ApiMetrics } from '../metrics.js'
import type { RefreshCookie } from '../refresh-cookie.js'
import { originOf } from '../request-origin.js'
import { limitedGuess } from './limited-guess.js'
import { LoginResponse, problems } from './schemas.js'

const LoginRequest = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 254, description: 'Username or e-mail address' }),
  password: Type.String({ minLength: 1, maxLength: MAXIMUM_CODE_POINTS })
}, { additionalProperties: false })

export interface LoginOptions { signInContext: SignInContext, cookie: RefreshCookie, deviceCookie: DeviceCookie, signAccessToken: AccessTokenSigner, metrics: ApiMetrics }

export const loginRoute: FastifyPluginAsyncTypebox<LoginOptions> = async (app, { signInContext, cookie, deviceCookie, signAccessToken, metrics }) => {
  app.post('/login', {
    schema: { summary: 'Sign in with a password', tags: ['sessions'], body: LoginRequest, response: { 200: LoginResponse, ...problems(400, 401, 403, 413, 415, 429, 503) } },
    config: app.rateLimitOf('login'),
    onRequest: app.requireAllowedOrigin
  }, async (request, reply) => {
    const outcome = await signIn(signInContext, {
      identifier: request.body.username,
      password: request.body.password,
      origin: originOf(request),
      refreshToken: cookie.read(request),
      deviceCookie: deviceCookie.read(request)
    }).catch((err: unknown) => {
      if (err instanceof AuthError && err.code === 'overloaded') metrics.loggedIn(err.code)
      throw err
    })
    if (outcome.kind === 'limited') throw limitedGuess(request, 'login.limited', outcome, outcome.userId)
    metrics.loggedIn(outcome.kind === 'refused' ? outcome.reason : outcome.kind)
    if (outcome.kind === 'refused') {
      request.log.info({ event: 'login.failed', reason: outcome.reason, userId: outcome.userId, ip: request.ip }, 'sign-in refused')
      if (outcome.locked) request.log.warn({ event: 'account.locked', userId: outcome.userId, ip: request.ip }, 'too many wrong passwords in a row, no further one is evaluated')
      throw new AuthError('invalid_credentials')          // one answer for every refusal
    }
    const { user, session, amr, refreshToken } = outcome
    request.log.info({ event: 'login.succeeded', userId: user.id, sessionId: session.id, deviceId: session.device.id, newDevice: session.device.isNew, ip: request.ip, amr }, 'signed in')
    for (const { sid, sub, reason } of session.ended) request.log.info({ event: 'session.revoked', reason, sessionId: sid, userId: sub, ip: request.ip }, 'replaced by a new session')
    const access = await signAccessToken({
      userId: user.id, sessionId: session.id, generation: 0, authenticatedAt: session.createdAt, amr, sessionExpiresAt: session.expiresAt
    })
    cookie.set(reply, refreshToken, session.idleExpiresAt)
    deviceCookie.set(reply, outcome.deviceCookie)
    reply.header('cache-control', 'no-store')
    return {
      ...access,
      tokenType: 'Bearer' as const,
      user,
      session: { id: session.id, createdAt: session.createdAt.toISOString(), expiresAt: session.expiresAt.toISOString() }
    }
  })
}
