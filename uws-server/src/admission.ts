import { CLOSE, type CloseCode, type ErrorCode, type Principal, type Revocation, type RevocationReason, type RevocationSet, type Verification } from '@fastify-uws-auth/auth-contract'

/** Why a socket is not opened: as HTTP says it, and as a browser, which cannot read that, is told it. */
export interface Refusal {
  kind: 'refused'
  error: ErrorCode
  close: CloseCode
  reason: string
}

export type Admission = { kind: 'admitted', principal: Principal } | Refusal

export function refuse (error: ErrorCode, close: CloseCode, reason: string): Refusal {
  return { kind: 'refused', error, close, reason }
}

/** The close code and its name for the end of a session. */
export function closeForRevocation (reason: RevocationReason): { code: CloseCode, name: string } {
  return reason === 'user_disabled' ? { code: CLOSE.forbidden, name: 'forbidden' } : { code: CLOSE.sessionRevoked, name: 'session_revoked' }
}

export interface RevocationState {
  revocations: Pick<RevocationSet, 'get'>
  /** True when this process may not know of sessions that ended. */
  isStale: () => boolean
  /** False for a key that was dropped while something signed with it was being verified. */
  knowsKey: (keyId: string) => boolean
}

/**
 * Decides about a verified access token. Call it after the last await and put the socket into the registry in the
 * same tick: then no revocation fits in between.
 */
export function admit (verification: Verification, { revocations, isStale, knowsKey }: RevocationState): Admission {
  if (verification.kind === 'refused') return refuse('invalid_token', CLOSE.invalidToken, 'invalid_token')
  if (verification.kind === 'expired') return refuse('invalid_token', CLOSE.tokenExpired, 'token_expired')
  if (isStale()) return refuse('temporarily_unavailable', CLOSE.tryAgainLater, 'try again later')
  if (!knowsKey(verification.principal.keyId)) return refuse('invalid_token', CLOSE.tokenExpired, 'token_expired')
  const revocation: Revocation | undefined = revocations.get(verification.principal.sessionId)
  if (revocation) {
    const { code, name } = closeForRevocation(revocation.reason)
    return refuse('invalid_token', code, name)
  }
  return { kind: 'admitted', principal: verification.principal }
}
