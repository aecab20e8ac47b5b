import { CLOSE } from '@fastify-uws-auth/auth-contract'
import { refuse, type Refusal } from './admission.js'
import type { RequestOrigin } from './client-address.js'

/** Name of the subprotocol; offering it is optional. */
export const SUBPROTOCOL = 'auth.v1'

/** What matters of an upgrade request; a header that was sent twice is there twice. */
export interface UpgradeRequest extends RequestOrigin {
  requestId: string
  /** Without the question mark. */
  query: string
  authorization: readonly string[]
  origin: readonly string[]
  /** Sec-WebSocket-Version. */
  version: string
}

export interface UpgradePolicy {
  allowedOrigins: readonly string[]
  allowQueryToken: boolean
}

/** Where a credential was. `message`: none at the opening, it comes as a message. */
export type Carrier = 'query' | 'header' | 'ticket' | 'message'

export type Credential =
  | { kind: 'access_token', carrier: 'query' | 'header', accessToken: string }
  | { kind: 'ticket', carrier: 'ticket', ticket: string }
  | { kind: 'none', carrier: 'message' }

// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
const BEARER = /^bearer +([^ ]+)$/i

/**
 * Finds the credential of an upgrade request: in exactly one of its carriers. Two of them, even equal ones, are
 * refused, so that nobody and no proxy in between can disagree about which one counts.
 */
export function readCredential ({ query, authorization, origin, version }: UpgradeRequest, { allowedOrigins, allowQueryToken }: UpgradePolicy): Credential | Refusal {
  if (version !== '13') return refuse('upgrade_required', CLOSE.badRequest, 'bad_request')
  if (origin.length > 1 || origin.some(value => !allowedOrigins.includes(value))) return refuse('origin_not_allowed', CLOSE.forbidden, 'forbidden')
  const parameters = new URLSearchParams(query)
  const [tokens, tickets] = [parameters.getAll('token'), parameters.getAll('ticket')]
  if (tokens.length + tickets.length + authorization.length > 1) return refuse('invalid_request', CLOSE.badRequest, 'bad_request', { detail: 'More than one credential; send one, in one place.' })
  if (tokens.length === 1 && !allowQueryToken) return refuse('invalid_request', CLOSE.badRequest, 'bad_request', { detail: 'The access token is not taken from the address here; use a header, a ticket or the auth message.' })
  if (tokens.length === 1) return { kind: 'access_token', carrier: 'query', accessToken: tokens[0]! }
  if (tickets.length === 1) return { kind: 'ticket', carrier: 'ticket', ticket: tickets[0]! }
  if (authorization.length === 0) return { kind: 'none', carrier: 'message' }
  const accessToken = BEARER.exec(authorization[0]!)?.[1]
  return accessToken === undefined ? refuse('invalid_token', CLOSE.invalidToken, 'invalid_token') : { kind: 'access_token', carrier: 'header', accessToken }
}

/**
 * True when the request comes from a page that may connect: its script cannot read an HTTP refusal. Another version of
 * the protocol is never accepted, not even to be closed (RFC 6455, section 4.2.2); browsers speak 13.
 */
export function comesFromAllowedPage ({ origin, version }: UpgradeRequest, { allowedOrigins }: UpgradePolicy): boolean {
  return version === '13' && origin.length === 1 && allowedOrigins.includes(origin[0]!)
}
