import type { Principal, Revocation, Verification } from '@fastify-uws-auth/auth-contract'
import type { RevocationState } from './admission.js'

export type ReauthDecision =
  /** `unchanged`: older than what the socket has, or the same; nothing may change then. */
  | { kind: 'renewed' | 'unchanged', principal: Principal }
  | { kind: 'failed', code: 'invalid_token' | 'token_expired' }
  /** The access token belongs to another user or session, and the page with it. */
  | { kind: 'mismatch' }
  | { kind: 'revoked', revocation: Revocation }
  /** Nobody can tell at the moment whether the session goes on. */
  | { kind: 'unknown' }

/**
 * Decides about a verified reauth as at connect: revocation, the access token, then identity. Call it after the last
 * await, and apply what it says in the same tick.
 */
export function decideReauth (verification: Verification, current: Principal, { isStale, knowsKey, revocations }: RevocationState): ReauthDecision {
  const revocation = revocations.get(current.sessionId)
  if (revocation) return { kind: 'revoked', revocation }
  if (isStale()) return { kind: 'unknown' }
  if (verification.kind === 'refused' || !knowsKey(verification.principal.keyId)) return { kind: 'failed', code: 'invalid_token' }
  const { principal } = verification
  if (revocations.get(principal.sessionId)) return { kind: 'failed', code: 'invalid_token' }
  if (verification.kind === 'expired') return { kind: 'failed', code: 'token_expired' }
  if (!isSameIdentity(principal, current)) return { kind: 'mismatch' }
  return isNewer(principal, current) ? { kind: 'renewed', principal } : { kind: 'unchanged', principal: current }
}

// A socket keeps its issuer, user and session for life.
function isSameIdentity (one: Principal, other: Principal): boolean {
  return one.issuer === other.issuer && one.subject === other.subject && one.sessionId === other.sessionId
}

// By refresh generation first, because it is the database that counts it; clocks decide only within one.
function isNewer (one: Principal, other: Principal): boolean {
  if (one.refreshGeneration !== other.refreshGeneration) return one.refreshGeneration > other.refreshGeneration
  return one.issuedAt > other.issuedAt
}
