/** A rate with a burst: `burst` at once, refilled at `perSecond`. One lives as long as its socket. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #updatedAt: number

  /** @param now milliseconds of the caller's clock, as in `take` */
  constructor ({ perSecond, burst }: { perSecond: number, burst: number }, now: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#updatedAt = now
  }

  /** Takes one token if there is one. A clock that goes back refills nothing. */
  take (now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#updatedAt) * this.#perMs)
    this.#updatedAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
