import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { AuthError, toProblem } from '@fastify-uws-auth/auth-contract'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './error-handler.js'

const STATUS_OF_PARSER_ERROR: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/** Answers what is not HTTP at all. The log gets the code alone: the error holds the raw packet, cookies included. */
export function answerClientError (this: FastifyInstance, err: Error & { code?: string }, socket: Socket): void {
  if (err.code === 'ECONNRESET' || socket.destroyed) return
  const requestId = randomUUID()
  this.log.debug({ requestId, code: err.code, ip: socket.remoteAddress }, 'unreadable request')
  if (socket.writable) {
    const status = STATUS_OF_PARSER_ERROR[err.code ?? ''] ?? 400
    const error = new AuthError(status === 431 ? 'payload_too_large' : 'invalid_request')
    const body = JSON.stringify({ ...toProblem(error, requestId), status })
    socket.write([
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'content-type: application/problem+json', 'cache-control: no-store',
      'x-content-type-options: nosniff', `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', body
    ].join('\r\n'))
  }
  socket.destroySoon()
}

/** Answers a path that cannot be decoded; no hook has run then. */
export function answerBadUrl (err: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
  const error = new AuthError('invalid_request', { cause: err })
  sendProblem(reply, error, toProblem(error, request.id))
}
