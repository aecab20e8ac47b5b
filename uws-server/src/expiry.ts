import type { Principal } from '@fastify-uws-auth/auth-contract'

const SHORTEST_LEAD_MS = 30_000
const LONGEST_LEAD_MS = 120_000
const LEAD_SHARE = 0.15
const JITTER_SHARE = 0.1
/** Less than this left: a warning would come too late to act on. */
const WARNING_NEEDS_MS = 5500
/** How long a socket stays for a reauth after its access token expired, without any authority. */
const LONGEST_GRACE_MS = 10_000

/** Milliseconds since the epoch. */
export interface ExpirySchedule {
  /** When to send `token_expiring`; undefined when there is no use in it. */
  warnAt: number | undefined
  /** `exp`: authority ends, with no tolerance. */
  expiresAt: number
  /** The end of the grace. */
  closesAt: number
}

/**
 * Plans the life of an access token on a socket. The warning comes 15 % of the lifetime before `exp`, at least 30 s
 * and at most 120 s, but never in the first half of a short life; and up to a tenth of that earlier, so that sockets
 * that connected together do not renew together. The grace after it is 10 s, for short lives half of the lifetime.
 * @param random between 0 and 1
 */
export function planExpiry ({ issuedAt, expiresAt: exp }: Pick<Principal, 'issuedAt' | 'expiresAt'>, now: number, random: number): ExpirySchedule {
  const expiresAt = exp * 1000
  const lifetime = expiresAt - issuedAt * 1000
  const lead = Math.min(Math.max(lifetime * LEAD_SHARE, SHORTEST_LEAD_MS), LONGEST_LEAD_MS, lifetime / 2)
  const warnAt = expiresAt - lead * (1 + JITTER_SHARE * random)
  return { warnAt: expiresAt - now < WARNING_NEEDS_MS ? undefined : warnAt, expiresAt, closesAt: expiresAt + Math.min(LONGEST_GRACE_MS, lifetime / 2) }
}
