import Type, { type Static } from 'typebox'
import { compileShape } from './shape-check.js'

/** Why a session ended, as clients and the audit see it. */
export const REVOCATION_REASONS = ['logout', 'replaced', 'refresh_reuse', 'password_changed', 'admin', 'user_deleted', 'user_disabled', 'state_lost'] as const
export type RevocationReason = typeof REVOCATION_REASONS[number]

/** One ended session: the row of the `revocations` table and the payload of its notification. */
export const Revocation = Type.Object({
  sid: Type.String(),
  sub: Type.String(),
  reason: Type.Enum(REVOCATION_REASONS),
  /** Milliseconds since the epoch by the database's clock. */
  revokedAt: Type.Number()
})
export type Revocation = Static<typeof Revocation>

/** True for one ended session as this version knows it. */
export const isRevocation = compileShape(Revocation)

/**
 * Reads one row or notification. A reason this version does not know, from a newer one or by hand, counts as
 * `admin`: the session has ended whatever the word for it.
 */
export function toRevocation (value: unknown): Revocation | undefined {
  if (isRevocation(value)) return value
  const renamed = typeof value === 'object' && value !== null ? { ...value, reason: 'admin' } : value
  return isRevocation(renamed) && typeof (value as { reason?: unknown }).reason === 'string' ? renamed : undefined
}
