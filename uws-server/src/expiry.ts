import type { Principal } from '@fastify-uws-auth/auth-contract'

const SHORTEST_LEAD_MS = 30_000
const LONGEST_LEAD_MS = 120_000
const LEAD_SHARE = 0.15
const JITTER_SHARE = 0.1
/** Less than this left: a warning would come too late to act on. */
const WARNING_NEEDS_MS = 5500
/** How long a socket stays for a reauth after its access token expired, without any authority. */
const LONGEST_GRACE_MS = 10_000

type Life = Pick<Principal, 'issuedAt' | 'expiresAt'>

/** `exp` in milliseconds since the epoch: authority ends, with no tolerance. */
export function authorityEndsAt ({ expiresAt }: Life): number {
  return expiresAt * 1000
}

/** The end of the grace, in milliseconds since the epoch: 10 s after `exp`, for short lives half of the lifetime. */
export function graceEndsAt (life: Life): number {
  return authorityEndsAt(life) + Math.min(LONGEST_GRACE_MS, lifetimeMs(life) / 2)
}

/**
 * When to warn, in milliseconds since the epoch: 15 % of the lifetime before `exp`, at least 30 s and at most 120 s, but
 * never in the first half of a short life; and up to a tenth of that earlier, so that sockets that connected together do
 * not renew together.
 * @param random between 0 and 1
 * @returns undefined when there is no use in a warning any more
 */
export function warningAt (life: Life, now: number, random: number): number | undefined {
  const expiresAt = authorityEndsAt(life)
  if (expiresAt - now < WARNING_NEEDS_MS) return undefined
  const lifetime = lifetimeMs(life)
  const lead = Math.min(Math.max(lifetime * LEAD_SHARE, SHORTEST_LEAD_MS), LONGEST_LEAD_MS, lifetime / 2)
  return expiresAt - lead * (1 + JITTER_SHARE * random)
}

function lifetimeMs ({ issuedAt, expiresAt }: Life): number {
  return (expiresAt - issuedAt) * 1000
}
