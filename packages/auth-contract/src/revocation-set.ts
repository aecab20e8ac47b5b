import type { Revocation } from './revocation.js'

// Covers the tolerance for a future iat and the difference between two clocks.
const SLACK_MS = 120_000

/** How this process learned of an ended session. `start`: it had ended before this process looked for the first time. */
export type RevocationPath = 'local' | 'notify' | 'redis' | 'read' | 'start'

export type RevocationListener = (revocation: Revocation, path: RevocationPath) => void

export interface RevocationSetOptions {
  /** Longest life of an access token in milliseconds: what a revocation can still matter for. */
  accessTokenLifetimeMs: number
  now?: () => number
}

/**
 * The ended sessions that a living access token could still name. Every API and socket process holds one; reading
 * it costs a Map lookup, so no request pays for revocation. Fed by a revocation feed; applying a row twice is
 * harmless, so neither lost nor repeated nor reordered messages matter.
 */
export class RevocationSet {
  readonly #bySessionId = new Map<string, Revocation>()
  readonly #listeners = new Set<RevocationListener>()
  readonly #horizonMs: number
  readonly #now: () => number

  constructor ({ accessTokenLifetimeMs, now = Date.now }: RevocationSetOptions) {
    this.#horizonMs = accessTokenLifetimeMs + SLACK_MS
    this.#now = now
  }

  get size (): number { return this.#bySessionId.size }

  has (sessionId: string): boolean { return this.#bySessionId.has(sessionId) }

  get (sessionId: string): Revocation | undefined { return this.#bySessionId.get(sessionId) }

  /** Adds one ended session and tells the listeners, in this tick, unless it was known already. */
  apply (revocation: Revocation, path: RevocationPath = 'local'): void {
    const now = this.#now()
    if (this.#bySessionId.has(revocation.sid) || revocation.revokedAt < now - this.#horizonMs) return
    // An instant far ahead, from a clock that was wrong, would keep prune from ever getting past it.
    this.#bySessionId.set(revocation.sid, revocation.revokedAt > now ? { ...revocation, revokedAt: now } : revocation)
    for (const listener of this.#listeners) listener(revocation, path)
  }

  /** Calls `listener` once for each session that ends from now on. Returns how to stop. */
  onRevoked (listener: RevocationListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets what no living access token can name any more. Rows are roughly in order of time, so this ends early. */
  prune (): void {
    const oldest = this.#now() - this.#horizonMs
    for (const [sessionId, { revokedAt }] of this.#bySessionId) {
      if (revokedAt >= oldest) break
      this.#bySessionId.delete(sessionId)
    }
  }
}
