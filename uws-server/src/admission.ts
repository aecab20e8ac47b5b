import { CLOSE, type CloseCode, type ErrorCode, type Principal, type Revocation, type RevocationReason, type RevocationSet } from '@fastify-uws-auth/auth-contract'

/** The names of close codes that say why a socket is not opened. */
export const REFUSAL_REASONS = [
  'bad_request', 'invalid_token', 'token_expired', 'forbidden', 'session_revoked', 'rate_limited', 'connection_limit', 'service restart', 'try again later'
] as const
export type RefusalReason = typeof REFUSAL_REASONS[number]

/** Why a socket is not opened: as HTTP says it, and as a browser, which cannot read that, is told it. */
export interface Refusal {
  kind: 'refused'
  error: ErrorCode
  close: CloseCode
  reason: RefusalReason
  /** What the client can do about it, where the code does not say it. */
  detail?: string
  /** Seconds after which a retry makes sense. */
  retryAfter?: number
  /** The end of the session that the credential belongs to, when that is why. */
  revocation?: Revocation
}

export interface Admitted { kind: 'admitted', principal: Principal }

export type Admission = Admitted | Refusal

export function refuse (error: ErrorCode, close: CloseCode, reason: RefusalReason, more: Pick<Refusal, 'detail' | 'retryAfter'> = {}): Refusal {
  return { kind: 'refused', error, close, reason, ...more }
}

/** The close code and its name for the end of a session. */
export function closeForRevocation (reason: RevocationReason): { code: CloseCode, name: RefusalReason } {
  return reason === 'user_disabled' ? { code: CLOSE.forbidden, name: 'forbidden' } : { code: CLOSE.sessionRevoked, name: 'session_revoked' }
}

export interface RevocationState {
  revocations: Pick<RevocationSet, 'get'>
  /** True when this process may not know of sessions that ended. */
  isStale: () => boolean
  /** False for a key that was dropped while something signed with it was being verified. */
  knowsKey: (keyId: string) => boolean
}

/** What verifying an access token or a ticket found out. */
export type VerifiedCredential = { kind: 'verified' | 'expired', principal: Principal } | { kind: 'refused' }

/**
 * Decides about a verified credential. Call it after the last await and put the socket into the registry in the
 * same tick: then no revocation fits in between.
 */
export function admit (credential: VerifiedCredential, { revocations, isStale, knowsKey }: RevocationState): Admission {
  if (credential.kind === 'refused') return refuse('invalid_token', CLOSE.invalidToken, 'invalid_token')
  if (credential.kind === 'expired') return refuse('invalid_token', CLOSE.tokenExpired, 'token_expired')
  if (isStale()) return refuse('temporarily_unavailable', CLOSE.tryAgainLater, 'try again later')
  const { principal } = credential
  if (!knowsKey(principal.keyId)) return refuse('invalid_token', CLOSE.tokenExpired, 'token_expired')
  const revocation = revocations.get(principal.sessionId)
  if (revocation === undefined) return { kind: 'admitted', principal }
  const { code, name } = closeForRevocation(revocation.reason)
  return { ...refuse('invalid_token', code, name), revocation }
}
