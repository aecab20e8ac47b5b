import type pg from 'pg'
import { rotateSession, type RotatedSession } from '../db/rotate-session.js'
import type { RequestOrigin } from '../request-origin.js'
import type { PepperFile } from './peppers.js'
import { encodeRefreshToken, hashFamilySecret, readRefreshToken } from './refresh-token.js'

export interface RefreshContext {
  pool: pg.Pool
  peppers: PepperFile
  /** Milliseconds; 0 turns the replay window off. */
  replayWindowMs: number
  idleLifetimeMs: number
}

/**
 * What presenting a refresh token led to. The first four hand out a token; the client cannot tell the rest apart.
 * `replay_limited`: the same token was asked for too often; a retry with the same cookie works later.
 */
export type RefreshOutcome =
  | { kind: 'rotate' | 'replay' | 'heal' | 'late_rotate', sessionId: string, session: RotatedSession, refreshToken: string }
  | { kind: 'replay_limited', sessionId: string }
  | { kind: 'revoked' | 'expired' | 'state_lost' | 'theft', sessionId: string, session: RotatedSession }
  | { kind: 'unknown' }

const MAXIMUM_REPLAYS = 100

/**
 * Rotates a refresh token by the rules of docs/refresh-rotation.md: honest retries get the current token again, a
 * stolen predecessor ends the session.
 * @param refreshToken the cookie's text, whatever it holds
 * @throws only when PostgreSQL could not answer; the client then retries with the same cookie
 */
export async function refreshSession ({ pool, peppers, ...limits }: RefreshContext, refreshToken: string, origin: RequestOrigin): Promise<RefreshOutcome> {
  const presented = await readRefreshToken(peppers, refreshToken)
  if (presented === undefined) return { kind: 'unknown' }
  const { sessionId, generation, secret, macKey } = presented
  const session = await rotateSession(pool, { sessionId, generation, secretHash: hashFamilySecret(secret) }, limits, origin)
  if (session === undefined) return { kind: 'unknown' }
  switch (session.outcome) {
    case 'rotate':
    case 'replay':
    case 'heal':
    case 'late_rotate':
      // Limiting is not revoking: a tab gone wild must not sign its owner out.
      if (session.replays > MAXIMUM_REPLAYS) return { kind: 'replay_limited', sessionId }
      return {
        kind: session.outcome,
        sessionId,
        session,
        refreshToken: encodeRefreshToken(peppers, { sessionId, generation: session.generation, secret, macKey })
      }
    default:
      return { kind: session.outcome, sessionId, session }
  }
}
