import { LRUCache } from 'lru-cache'
import type { AccessTokenVerifier, Verification } from './access-token-verifier.js'
import type { Principal } from './claims.js'
import type { RevocationSet } from './revocation-set.js'

const DEFAULT_MAXIMUM = 10_000

export interface VerifiedTokensOptions {
  verify: AccessTokenVerifier
  revocations: RevocationSet
  /** Most access tokens remembered; the least recently used one goes first. */
  maximum?: number
  now?: () => number
}

/**
 * Remembers which access tokens were verified, so that a token costs its signature check once. Looked up by the whole
 * text, never by a part or a hash of it. A token leaves with its `exp`, with the end of its session, and with
 * `forgetAll`, which a change of the keys calls. It is no authority on revocation: ask the set, in the same tick.
 */
export class VerifiedTokens {
  readonly #verify: AccessTokenVerifier
  readonly #now: () => number
  readonly #principals: LRUCache<string, Principal>
  readonly #bySession = new Map<string, Set<string>>()
  /** Counts the calls of `forgetAll`: what was verified before one must not be remembered after it. */
  #epoch = 0

  constructor ({ verify, revocations, maximum = DEFAULT_MAXIMUM, now = Date.now }: VerifiedTokensOptions) {
    this.#verify = verify
    this.#now = now
    this.#principals = new LRUCache({ max: maximum, dispose: (principal, accessToken) => this.#forgetSession(principal, accessToken) })
    revocations.onRevoked(({ sid }) => {
      for (const accessToken of [...this.#bySession.get(sid) ?? []]) this.#principals.delete(accessToken)
    })
  }

  get size (): number { return this.#principals.size }

  /** What a token verified to, if that is known and still good; without waiting for anything. */
  lookUp (accessToken: string): Principal | undefined {
    const principal = this.#principals.get(accessToken)
    if (principal === undefined || principal.expiresAt * 1000 > this.#now()) return principal
    this.#principals.delete(accessToken)
    return undefined
  }

  /** Verifies, or remembers. @returns never rejects */
  async verify (accessToken: string): Promise<Verification> {
    const known = this.lookUp(accessToken)
    if (known !== undefined) return { kind: 'verified', principal: known }
    const epoch = this.#epoch
    const verification = await this.#verify(accessToken)
    if (verification.kind === 'verified' && epoch === this.#epoch) this.#remember(accessToken, verification.principal)
    return verification
  }

  forgetAll (): void {
    this.#epoch += 1
    this.#principals.clear()
  }

  #remember (accessToken: string, principal: Principal): void {
    this.#principals.set(accessToken, principal)
    const tokens = this.#bySession.get(principal.sessionId)
    if (tokens) tokens.add(accessToken)
    else this.#bySession.set(principal.sessionId, new Set([accessToken]))
  }

  #forgetSession ({ sessionId }: Principal, accessToken: string): void {
    const tokens = this.#bySession.get(sessionId)
    if (tokens?.delete(accessToken) && tokens.size === 0) this.#bySession.delete(sessionId)
  }
}
