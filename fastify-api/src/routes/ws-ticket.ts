import { Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { issueWsTicket, WS_TICKET_LIFETIME, type WsTicketsContext } from '../auth/ws-tickets.js'
import { EmptyBody, problems } from './schemas.js'

const WsTicketResponse = Type.Object({
  ticket: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'For /ws?ticket=, once' }),
  expiresIn: Type.Integer({ description: 'Seconds' })
})

export interface WsTicketOptions { wsTicketsContext: WsTicketsContext }

export const wsTicketRoute: FastifyPluginAsyncTypebox<WsTicketOptions> = async (app, { wsTicketsContext }) => {
  app.post('/ws-ticket', {
    schema: {
      summary: 'A ticket that opens one socket in the place of the access token',
      tags: ['sessions'],
      security: [{ bearer: [] }],
      body: EmptyBody,
      response: { 200: WsTicketResponse, ...problems(400, 401, 413, 415, 429, 503) }
    },
    // Also bounds how many unused tickets an address can pile up: what it buys in the minute and a half until the next clean-up.
    config: app.rateLimitOf('wsTicket'),
    preValidation: app.authenticate
  }, async (request, reply) => {
    const ticket = await issueWsTicket(wsTicketsContext, request.principal!)
    reply.header('cache-control', 'no-store')
    return { ticket, expiresIn: WS_TICKET_LIFETIME }
  })
}
