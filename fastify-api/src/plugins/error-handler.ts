import { setImmediate } from 'node:timers/promises'
import { AuthError, toProblem, type ErrorCode, type Problem } from '@fastify-uws-auth/auth-contract'
import type { FastifyError, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { isDatabaseUnavailable } from '../db/unavailable.js'

const CODE_OF_STATUS: Record<number, ErrorCode> = {
  404: 'not_found', 405: 'method_not_allowed', 413: 'payload_too_large', 415: 'unsupported_media_type', 429: 'rate_limited', 503: 'temporarily_unavailable'
}

/** Answers every error as problem details (RFC 9457). The cause goes to the log, never to the client. */
export default fp(async app => {
  app.setErrorHandler<FastifyError>(async (err, request, reply) => {
    const error = toAuthError(err)
    // Some requests are refused in the tick in which their headers are read, and the rest of the packet is read after it.
    await setImmediate()
    // A body that never came whole is the client's doing: it may fill neither the error log nor a connection.
    const isWhole = request.raw.complete
    if (!isWhole) reply.header('connection', 'close')
    if (error.status >= 500 && isWhole) request.log.error({ err }, 'request failed')
    else request.log.debug({ code: error.code, cause: err.code }, 'request refused')
    const problem = toProblem(error, request.id)
    if (err.validation) problem.errors = err.validation.map(toPointer)
    return sendProblem(reply, error, problem)
  })
}, { name: 'error-handler' })

/** Sends problem details with the headers that belong to their code (RFC 6750, section 3; RFC 9110, section 10.2.3). */
export function sendProblem (reply: FastifyReply, error: AuthError, problem: Problem): FastifyReply {
  if (error.code === 'invalid_token') reply.header('www-authenticate', 'Bearer error="invalid_token"')
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  return reply.code(error.status).header('cache-control', 'no-store').type('application/problem+json').send(problem)
}

function toAuthError (err: FastifyError): AuthError {
  if (err instanceof AuthError) return err
  if (isDatabaseUnavailable(err)) return new AuthError('temporarily_unavailable', { cause: err })
  if (err.validation) return new AuthError('invalid_request', { cause: err })
  const status = err.statusCode ?? 500
  if (status === 503) return new AuthError('temporarily_unavailable', { cause: err })
  if (status >= 400 && status < 500) return new AuthError(CODE_OF_STATUS[status] ?? 'invalid_request', { cause: err })
  return new AuthError('internal_error', { cause: err })
}

type ValidationError = NonNullable<FastifyError['validation']>[number]

function toPointer ({ instancePath, params, message }: ValidationError): { pointer: string, detail: string } {
  const member = params['additionalProperty'] ?? params['missingProperty']
  const pointer = member === undefined ? instancePath : `${instancePath}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { pointer: pointer.slice(0, 200), detail: message ?? 'is not valid' }
}
