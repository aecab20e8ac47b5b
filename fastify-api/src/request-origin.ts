import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

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
    ip: storableAddress(request.ip),
    userAgent: request.headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null
  }
}

// A proxy may pass on something else than an address, and PostgreSQL knows no IPv6 zones.
function storableAddress (ip: string): string | null {
  const address = ip.split('%', 1)[0]!
  return isIP(address) === 0 ? null : address
}
