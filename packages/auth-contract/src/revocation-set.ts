import type { Revocation } from './revocation.js'

// Covers the tolerance for a future iat.
const SLACK_MS = 120_000

/**
 * How this process learned of an ended session. Two are no news: `start`, it had ended before this process looked for the
 * first time, and `refresh`, a refresh token was refused because its session had ended, perhaps long ago.
 */
export type RevocationPath = 'local' | 'notify' | 'redis' | 'read' | 'start' | 'refresh'

export type RevocationListener = (revocation: Revocation, path: RevocationPath) => void

export interface RevocationSetOptions {
  /** Longest life of an access token in milliseconds: what a revocation can still matter for. */
  accessTokenLifetimeMs: number
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
}

/**
 * The ended sessions that a living access token could still name. Every API and socket process holds one; reading
 * it costs a Map lookup, so no request pays for revocation. Fed by a revocation feed; applying a row twice is
 * harmless, so neither lost nor repeated nor reordered messages matter. How long one is kept counts from when this
 * process learned of it: the database's clock may differ from this machine's, and must not make it forget early.
 */
export class RevocationSet {
  readonly #bySessionId = new Map<string, { revocation: Revocation, learnedAt: number }>()
  readonly #listeners = new Set<RevocationListener>()
  readonly #horizonMs: number
  readonly #now: () => number

  constructor ({ accessTokenLifetimeMs, now = () => performance.now() }: RevocationSetOptions) {
    this.#horizonMs = accessTokenLifetimeMs + SLACK_MS
    this.#now = now
  }

  get size (): number { return this.#bySessionId.size }

  has (sessionId: string): boolean { return this.#bySessionId.has(sessionId) }

  get (sessionId: string): Revocation | undefined { return this.#bySessionId.get(sessionId)?.revocation }

  /** Adds one ended session and tells the listeners, in this tick, unless it was known already. */
  apply (revocation: Revocation, path: RevocationPath = 'local'): void {
    // Told again, it is kept from now on: an announcement that came too early must not make the real one expire early.
    const known = this.#bySessionId.get(revocation.sid)
    this.#bySessionId.delete(revocation.sid)
    this.#bySessionId.set(revocation.sid, { revocation: known?.revocation ?? revocation, learnedAt: this.#now() })
    if (known) return
    for (const listener of this.#listeners) listener(revocation, path)
  }

  /** Calls `listener` once for each session that ends from now on. Returns how to stop. */
  onRevoked (listener: RevocationListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets what no living access token can name any more. The Map keeps the order of learning, so this ends early. */
  prune (): void {
    const oldest = this.#now() - this.#horizonMs
    for (const [sessionId, { learnedAt }] of this.#bySessionId) {
      if (learnedAt >= oldest) break
      this.#bySessionId.delete(sessionId)
    }
  }
}
