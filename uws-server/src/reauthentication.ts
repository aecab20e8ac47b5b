import type { Principal } from '@fastify-uws-auth/auth-contract'

/** A socket keeps its issuer, user and session for life; an access token of any other belongs to another page. */
export function isSameIdentity (one: Principal, other: Principal): boolean {
  return one.issuer === other.issuer && one.subject === other.subject && one.sessionId === other.sessionId
}

/** By refresh generation first, because it is the database that counts it; clocks decide only within one. */
export function isNewer (one: Principal, other: Principal): boolean {
  if (one.refreshGeneration !== other.refreshGeneration) return one.refreshGeneration > other.refreshGeneration
  return one.issuedAt > other.issuedAt
}
