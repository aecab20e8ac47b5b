import { AuthError } from '@fastify-uws-auth/auth-contract'

export interface HashingPoolOptions {
  /** Hashes computed at once. Fewer than libuv has threads, so that signing never waits behind them. */
  concurrency: number
  /** Longest expected wait in milliseconds, by the measured rate, before more work is refused. */
  maxWaitMs: number
}

/**
 * Bounds password hashing: a queue measured in time, not in entries, so that overload is refused at once instead of
 * being served late.
 */
export class HashingPool {
  readonly #concurrency: number
  readonly #maxWaitMs: number
  readonly #waiting: Array<() => void> = []
  #running = 0
  #averageMs = 0

  constructor ({ concurrency, maxWaitMs }: HashingPoolOptions) {
    this.#concurrency = concurrency
    this.#maxWaitMs = maxWaitMs
  }

  /** @throws {AuthError} `overloaded` when the work would wait longer than the limit; nothing was started then */
  async run<Result> (work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#concurrency) {
      if (this.#expectedWaitMs() > this.#maxWaitMs) throw new AuthError('overloaded', { retryAfter: Math.ceil(this.#maxWaitMs / 1000) })
      await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    } else {
      this.#running += 1
    }
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.#learn(performance.now() - startedAt)
      const next = this.#waiting.shift()
      // The place goes to the next in line without becoming free, or a newcomer could take it first.
      if (next) next()
      else this.#running -= 1
    }
  }

  #expectedWaitMs (): number {
    return this.#averageMs * (this.#waiting.length + 1) / this.#concurrency
  }

  #learn (elapsedMs: number): void {
    this.#averageMs = this.#averageMs === 0 ? elapsedMs : this.#averageMs * 0.8 + elapsedMs * 0.2
  }
}
