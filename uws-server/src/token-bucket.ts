/** A rate with a burst: `burst` at once, refilled at `perSecond`. */
export interface Rate { perSecond: number, burst: number }

/** What is left of a rate. One lives as long as what it limits. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #updatedAt: number

  /** @param now milliseconds of the caller's clock, as in `take` */
  constructor (rate: Rate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#updatedAt = now
  }

  /** Takes one token if there is one. */
  take (now: number): boolean {
    if (this.available(now) < 1) return false
    this.#tokens -= 1
    return true
  }

  /** What is there, in fractions too. A clock that goes back refills nothing. */
  available (now: number): number {
    const { perSecond, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - this.#updatedAt) * perSecond / 1000)
    this.#updatedAt = now
    return this.#tokens
  }
}
