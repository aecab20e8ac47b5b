import { reasonOfRedisError } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import type { Begun, Budget, Counted, CountedAttempt, LimitCounters } from './limit-counters.js'
import type { MemoryCounters } from './memory-counters.js'
import type { RedisCounters } from './redis-counters.js'

const TRY_AGAIN_AFTER_MS = 500

/**
 * Counters in Redis, and in the memory of this process while Redis is away, does not answer or refuses. Nothing here
 * rejects: without Redis limits hold for each process instead of for all, but they hold. The first calls that find Redis
 * away wait a quarter of a second for it, later ones not at all.
 */
export class FallbackCounters implements LimitCounters {
  readonly #redis: RedisCounters
  readonly #memory: MemoryCounters
  readonly #log: Pick<Logger, 'info' | 'warn'>
  #isAway = false
  #isClosed = false
  #trying: NodeJS.Timeout | undefined

  constructor ({ redis, memory, log }: { redis: RedisCounters, memory: MemoryCounters, log: Pick<Logger, 'info' | 'warn'> }) {
    this.#redis = redis
    this.#memory = memory
    this.#log = log
  }

  get isInMemory (): boolean {
    return this.#isAway
  }

  /** Connects, and finds out whether Redis takes writes. */
  async connect (): Promise<void> {
    await this.#redis.connect()
    await this.#probe().catch(err => this.#onAway(err))
  }

  async count (key: string, windowMs: number): Promise<Counted> {
    return await this.#ask(counters => counters.count(key, windowMs))
  }

  async begin (budgets: readonly Budget[]): Promise<Begun> {
    const begun = await this.#ask(counters => counters.begin(budgets))
    return begun.kind === 'begun' ? { kind: 'begun', attempt: this.#withoutRejecting(begun.attempt) } : begun
  }

  async reset (keys: string[]): Promise<void> {
    await this.#memory.reset(keys)
    if (!this.#isAway) await this.#redis.reset(keys).catch(err => this.#onAway(err))
  }

  close (): void {
    this.#isClosed = true
    clearTimeout(this.#trying)
    this.#redis.close()
  }

  async #ask<Answer> (question: (counters: LimitCounters) => Promise<Answer>): Promise<Answer> {
    if (!this.#isAway) {
      try {
        return await question(this.#redis)
      } catch (err) {
        this.#onAway(err as Error)
      }
    }
    return await question(this.#memory)
  }

  // It is given back where it was counted. What a lost Redis has not taken back stays a failure.
  #withoutRejecting ({ forgive }: CountedAttempt): CountedAttempt {
    return { forgive: keys => forgive(keys).catch(err => this.#onAway(err)) }
  }

  #onAway (err: Error): void {
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#log.warn({ reason: reasonOfRedisError(err) }, 'limits are counted in this process until Redis is within reach again')
    this.#tryAgain()
  }

  #tryAgain (): void {
    this.#trying = setTimeout(() => {
      this.#probe().then(() => {
        this.#isAway = false
        this.#log.info('limits are counted in Redis again')
      }, () => { if (!this.#isClosed) this.#tryAgain() })
    }, TRY_AGAIN_AFTER_MS).unref()
  }

  // A write: a Redis that is full or a replica answers reads.
  async #probe (): Promise<void> {
    await this.#redis.count('probe', TRY_AGAIN_AFTER_MS)
  }
}
