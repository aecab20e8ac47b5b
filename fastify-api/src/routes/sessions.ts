import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { endOtherSessions, endOwnSession, type SessionsContext } from '../auth/sessions.js'
import { listLiveSessions } from '../db/sessions.js'
import { EmptyBody, Session, problems } from './schemas.js'

const SessionList = Type.Object({
  sessions: Type.Array(Type.Object({
    ...Session.properties,
    current: Type.Boolean({ description: 'The session of the access token that asks' }),
    lastUsedAt: Type.String({ format: 'date-time', description: 'Last refresh or sign-in, to the hour' }),
    userAgent: Type.Union([Type.String(), Type.Null()]),
    ip: Type.Union([Type.String(), Type.Null()], { description: 'Address of the sign-in' }),
    device: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], { description: 'Id of the device, unless it has been forgotten' }),
    online: Type.Boolean({ description: 'Has an open socket; seconds late, and up to half a minute when a server died' })
  }))
})
// No format: a malformed id is answered as an unknown one.
const SessionParams = Type.Object({ id: Type.String({ description: 'Session id' }) })

export interface SessionsOptions { sessionsContext: SessionsContext }

export const sessionsRoutes: FastifyPluginAsyncTypebox<SessionsOptions> = async (app, { sessionsContext }) => {
  const common = { tags: ['sessions'], security: [{ bearer: [] }] }

  app.get('/sessions', {
    schema: { ...common, summary: 'The sessions of the user that can still be refreshed, newest first', response: { 200: SessionList, ...problems(400, 401, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const { subject, sessionId } = request.principal!
    const sessions = await listLiveSessions(app.pool, subject)
    reply.header('cache-control', 'no-store')
    return {
      sessions: sessions.map(({ id, createdAt, lastUsedAt, expiresAt, userAgent, ip, device, online }) => ({
        id, current: id === sessionId, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt.toISOString(), expiresAt: expiresAt.toISOString(), userAgent, ip, device, online
      }))
    }
  })

  app.delete('/sessions/:id', {
    schema: { ...common, summary: 'End one session of the user', params: SessionParams, body: EmptyBody, response: { 204: Type.Null(), ...problems(400, 401, 404, 413, 415, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const ended = await endOwnSession(sessionsContext, request.principal!, request.params.id, request.id)
    if (ended === undefined) throw new AuthError('not_found')
    request.log.info({ event: 'session.revoked', reason: ended.reason, sessionId: ended.sid, userId: ended.sub, ip: request.ip }, 'signed out')
    return reply.code(204).header('cache-control', 'no-store').send(null)
  })

  app.delete('/sessions', {
    schema: { ...common, summary: 'End every session of the user but the current one', body: EmptyBody, response: { 204: Type.Null(), ...problems(400, 401, 413, 415, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const ended = await endOtherSessions(sessionsContext, request.principal!, request.id)
    for (const { sid, sub, reason } of ended) request.log.info({ event: 'session.revoked', reason, sessionId: sid, userId: sub, ip: request.ip }, 'signed out')
    return reply.code(204).header('cache-control', 'no-store').send(null)
  })
}
