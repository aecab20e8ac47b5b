import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { FastifyRequest } from 'fastify'
import type { LimitedGuess } from '../auth/guess-budgets.js'

/** Logs whom a limit of wrong passwords has stopped, and which; the client is told neither. @returns the answer, to be thrown */
export function limitedGuess (request: FastifyRequest, event: 'login.limited' | 'reauthentication.limited', { limit, retryAfter }: LimitedGuess, userId: string | undefined): AuthError {
  request.log.info({ event, limit, retryAfter, userId, ip: request.ip }, 'too many wrong passwords')
  return new AuthError('rate_limited', { detail: 'Too many wrong passwords; wait before the next try.', retryAfter })
}
