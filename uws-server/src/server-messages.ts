import type { FrameErrorCode, Principal, ServerMessage } from '@fastify-uws-auth/auth-contract'
import { authorityEndsAt } from './expiry.js'

/** `connected`: who the socket speaks for, or that it has to say so yet. */
export function greeting (connectionId: string, principal: Principal | undefined, now: number): ServerMessage {
  if (principal === undefined) return { type: 'connected', payload: { connectionId, anonymous: true } }
  const { subject: userId, sessionId } = principal
  return { type: 'connected', payload: { connectionId, userId, sessionId, ...expiryOf(principal, now), serverTime: new Date(now).toISOString() } }
}

/** When authority ends, as messages say it. */
export function expiryOf (principal: Principal, now: number): { expiresAt: string, expiresInMs: number } {
  const expiresAt = authorityEndsAt(principal)
  return { expiresAt: new Date(expiresAt).toISOString(), expiresInMs: Math.max(0, expiresAt - now) }
}

/**
 * `error`.
 * @param retryable true when the same may be tried again
 * @param fatal true when the socket is closed next
 */
export function errorMessage (code: FrameErrorCode, message: string, { retryable = false, fatal = false }): ServerMessage {
  return { type: 'error', payload: { code, message, retryable, fatal } }
}
