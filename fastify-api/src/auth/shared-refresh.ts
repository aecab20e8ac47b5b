import type { RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type { RequestOrigin } from '../request-origin.js'
import type { AccessTokenSigner, SignedAccessToken } from './access-token-signer.js'
import { refreshSession, type RefreshContext, type RefreshOutcome } from './refresh.js'

type Granted = Extract<RefreshOutcome, { refreshToken: string }>
type Refused = Exclude<RefreshOutcome, Granted>

/** As `RefreshOutcome`, with the access token that belongs to it. */
export type RefreshAnswer = Granted & { access: SignedAccessToken } | Refused

export interface SharedRefreshContext {
  refreshContext: RefreshContext
  signAccessToken: AccessTokenSigner
  announcer: RevocationAnnouncer
}

/**
 * Refreshes so that equal tokens from one address at the same time share one query and one signature: otherwise a burst of tabs would
 * hold every database connection. Each of them gets the same tokens; `kind` is what it would have met alone, the
 * first one's `rotate` being everybody else's `replay`. A failure is everybody's and is not remembered.
 *
 * When this process learns that a session has ended, it accepts no access token of it from then on.
 */
export function createSharedRefresh ({ refreshContext, signAccessToken, announcer }: SharedRefreshContext): (refreshToken: string, origin: RequestOrigin) => Promise<RefreshAnswer> {
  const refresh = async (refreshToken: string, origin: RequestOrigin): Promise<RefreshAnswer> => {
    const outcome = await refreshSession(refreshContext, refreshToken, origin)
    if (!('session' in outcome)) return outcome
    const { session, sessionId } = outcome
    if (session.revokedAt !== null && session.revokeReason !== null) {
      const revocation = { sid: sessionId, sub: session.userId, reason: session.revokeReason, revokedAt: session.revokedAt.getTime() }
      if (outcome.kind === 'theft' || outcome.kind === 'state_lost') announcer.announce([revocation])
      else announcer.learn(revocation)
    }
    if (!('refreshToken' in outcome)) return outcome
    const access = await signAccessToken({
      userId: session.userId,
      sessionId,
      generation: session.generation,
      authenticatedAt: session.authenticatedAt,
      amr: session.amr,
      sessionExpiresAt: session.expiresAt
    })
    return { ...outcome, access }
  }

  // A shared answer is a replay: where replays are switched off, every request is decided by itself.
  if (refreshContext.replayWindowMs === 0) return refresh

  const inFlight = new Map<string, Promise<RefreshAnswer>>()
  return async (refreshToken, origin) => {
    const key = `${origin.ip} ${refreshToken}`
    const running = inFlight.get(key)
    if (running !== undefined) return asSecond(await running)
    const answer = refresh(refreshToken, origin).finally(() => inFlight.delete(key))
    inFlight.set(key, answer)
    return await answer
  }
}

function asSecond (answer: RefreshAnswer): RefreshAnswer {
  switch (answer.kind) {
    case 'rotate':
    case 'heal':
    case 'late_rotate':
      return { ...answer, kind: 'replay' }
    case 'theft':
    case 'state_lost':
      return { ...answer, kind: 'revoked' }
    default:
      return answer
  }
}
