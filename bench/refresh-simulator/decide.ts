/*
 * The decision table of docs/refresh-rotation.md as a pure function, line by line. The simulator plays it as "ours",
 * and fastify-api/test/rotation-property.test.ts compares it with what PostgreSQL decides.
 */
export type Outcome = 'rotate' | 'replay' | 'heal' | 'late_rotate' | 'revoked' | 'expired' | 'state_lost' | 'theft'

/** What one session's row knows. Times are milliseconds. */
export interface SessionState {
  readonly generation: number
  /** The generation that was presented at the last rotation. */
  readonly rotatedFrom: number
  readonly confirmedGeneration: number
  readonly rotatedAt: number
  readonly replays: number
  readonly expiresAt: number
  readonly idleExpiresAt: number
  readonly revoked: boolean
}

export interface Limits { readonly replayWindowMs: number, readonly idleLifetimeMs: number }

export const DAY_MS = 86_400_000
export const DEFAULT_LIMITS: Limits = { replayWindowMs: 10_000, idleLifetimeMs: 7 * DAY_MS }

const FAILOVER_MARGIN = 3

/** A session that was just made. */
export function newSession (now: number, { idleLifetimeMs }: Limits = DEFAULT_LIMITS): SessionState {
  return { generation: 0, rotatedFrom: 0, confirmedGeneration: 0, rotatedAt: now, replays: 0, expiresAt: now + 30 * DAY_MS, idleExpiresAt: now + idleLifetimeMs, revoked: false }
}

/** What presenting a refresh token of `presented` at `now` means, and the session afterwards. */
export function decide (session: SessionState, presented: number, now: number, limits: Limits = DEFAULT_LIMITS): { outcome: Outcome, session: SessionState } {
  const outcome = judge(session, presented, now, limits)
  switch (outcome) {
    case 'rotate':
    case 'late_rotate':
      return { outcome, session: advance(session, presented, session.generation + 1, now, limits) }
    case 'heal':
      return { outcome, session: advance(session, presented, presented + 1, now, limits) }
    case 'replay':
      return { outcome, session: { ...session, replays: session.replays + 1 } }
    case 'theft':
    case 'state_lost':
      return { outcome, session: { ...session, revoked: true } }
    default:
      return { outcome, session }
  }
}

/** An access token of this generation was seen. */
export function confirm (session: SessionState, generation: number): SessionState {
  if (generation <= session.confirmedGeneration || generation > session.generation) return session
  return { ...session, confirmedGeneration: generation }
}

function judge (session: SessionState, presented: number, now: number, { replayWindowMs }: Limits): Outcome {
  const { generation, confirmedGeneration, rotatedAt, expiresAt, idleExpiresAt } = session
  if (session.revoked) return 'revoked'
  if (now >= expiresAt || now >= idleExpiresAt) return 'expired'
  if (generation > 0 && presented >= session.rotatedFrom && presented <= generation && now < rotatedAt + replayWindowMs) return 'replay'
  if (presented === generation) return 'rotate'
  if (presented > generation + FAILOVER_MARGIN) return 'state_lost'
  if (presented > generation) return 'heal'
  return presented >= confirmedGeneration ? 'late_rotate' : 'theft'
}

function advance (session: SessionState, rotatedFrom: number, generation: number, now: number, { idleLifetimeMs }: Limits): SessionState {
  return { ...session, generation, rotatedFrom, rotatedAt: now, replays: 0, idleExpiresAt: Math.min(now + idleLifetimeMs, session.expiresAt) }
}
