import { Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { readHistory, type HistoryContext } from '../auth/history.js'
import { decodeCursor, encodeCursor, HISTORY_CURSOR } from './history-cursor.js'
import { problems } from './schemas.js'

const DEFAULT_LIMIT = '50'

const OrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description })

const History = Type.Object({
  events: Type.Array(Type.Object({
    id: Type.String({ format: 'uuid' }),
    type: Type.String({ description: 'Such as login.succeeded, login.failed, session.revoked, password.changed; more may come' }),
    occurredAt: Type.String({ format: 'date-time' }),
    sessionId: OrNull('The session that it concerns'),
    ip: OrNull('Address of who did it'),
    userAgent: OrNull('As the client has sent it'),
    details: Type.Optional(Type.Object({
      username: Type.Optional(Type.String()),
      newDevice: Type.Optional(Type.Boolean()),
      amr: Type.Optional(Type.Array(Type.String(), { description: 'How the user was authenticated (RFC 8176)' })),
      reason: Type.Optional(Type.String({ description: 'Why a sign-in failed or a session ended' })),
      outcome: Type.Optional(Type.String({ description: 'What a refresh from another network was: replay or late_rotate' })),
      rotatedIp: Type.Optional(OrNull('Address of the refresh before')),
      by: Type.Optional(Type.String({ description: 'user or admin' })),
      failures: Type.Optional(Type.Integer())
    }))
  })),
  next: Type.Union([Type.String(), Type.Null()], { description: 'Give it as before to read on; null at the end' })
})

// Query parameters are text, and nothing is coerced.
const HistoryQuery = Type.Object({
  before: Type.Optional(Type.String({ pattern: HISTORY_CURSOR, description: 'The next of the page before' })),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|100)$', description: `Events on a page, 1 to 100; ${DEFAULT_LIMIT} when not given` }))
}, { additionalProperties: false })

export interface HistoryOptions { historyContext: HistoryContext }

export const historyRoute: FastifyPluginAsyncTypebox<HistoryOptions> = async (app, { historyContext }) => {
  app.get('/me/history', {
    schema: {
      summary: 'What has happened to the account, newest first',
      description: 'Eventually consistent: an event appears once the worker has handed it on, usually within a second, later when the worker or the message broker was away.',
      tags: ['account'],
      security: [{ bearer: [] }],
      querystring: HistoryQuery,
      response: { 200: History, ...problems(400, 401, 429, 503) }
    },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const { before, limit = DEFAULT_LIMIT } = request.query
    const { events, next } = await readHistory(historyContext, request.principal!.subject, before === undefined ? undefined : decodeCursor(before), Number(limit))
    reply.header('cache-control', 'no-store')
    return {
      events: events.map(({ data, occurredAt, ...event }) => ({ ...event, occurredAt: occurredAt.toISOString(), ...(Object.keys(data).length > 0 && { details: data }) })),
      next: next === undefined ? null : encodeCursor(next)
    }
  })
}
