import type { Static } from 'typebox'
import { Type } from './schema-builders.js'
import { compileShape } from './shape-check.js'

/** Why a session ended, as clients and the audit see it. */
export const REVOCATION_REASONS = ['logout', 'replaced', 'refresh_reuse', 'password_changed', 'admin', 'user_deleted', 'user_disabled', 'state_lost'] as const
export type RevocationReason = typeof REVOCATION_REASONS[number]

/** One ended session: the row of the `revocations` table and the payload of its notification. */
export const Revocation = Type.Object({
  sid: Type.String({ maxLength: 64 }),
  sub: Type.String({ maxLength: 64 }),
  reason: Type.Enum(REVOCATION_REASONS),
  /** Milliseconds since the epoch by the database's clock. */
  revokedAt: Type.Number()
})
export type Revocation = Static<typeof Revocation>

/** True for one ended session as this version knows it. */
export const isRevocation = compileShape(Revocation)

/**
 * Reads one row or message, which anybody on the channel may have written. A reason this version does not know, from a
 * newer one or by hand, counts as `admin`: the session has ended whatever the word for it.
 * @returns only what the type names, so that nothing else is kept
 */
export function toRevocation (value: unknown): Revocation | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { sid, sub, reason, revokedAt } = value as Record<string, unknown>
  const known = (REVOCATION_REASONS as readonly unknown[]).includes(reason)
  const revocation: unknown = { sid, sub, reason: typeof reason === 'string' && !known ? 'admin' : reason, revokedAt }
  return isRevocation(revocation) ? revocation : undefined
}
