import type { FastifyRequest } from 'fastify'
import { clientAddressOf } from './client-address.js'

/** Where a request came from, in a form that PostgreSQL and events can hold. */
export interface RequestOrigin {
  requestId: string
  ip: string | null
  userAgent: string | null
}

const LONGEST_USER_AGENT = 256

export function originOf (request: FastifyRequest): RequestOrigin {
  return {
    requestId: request.id,
    ip: clientAddressOf(request),
    userAgent: request.headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null
  }
}
