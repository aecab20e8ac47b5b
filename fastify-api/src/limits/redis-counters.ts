import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Begun, Budget, Counted, LimitCounters } from './limit-counters.js'
import { BEGIN, COUNT, FORGIVE } from './redis-scripts.js'

export const ANSWER_WITHIN_MS = 250
const CONNECT_WITHIN_MS = 1000
const LONGEST_PAUSE_MS = 1000
const PREFIX = 'limits:'

declare module 'ioredis' {
  interface Redis {
    countOne (key: string, windowMs: number): Promise<[number, number]>
    beginAttempt (keyCount: number, ...keysAndArguments: Array<string | number>): Promise<[number, number]>
    forgiveAttempt (keyCount: number, ...keys: string[]): Promise<number>
  }
}

/**
 * Counters that all processes share, in one Redis (6 or later; not a Redis Cluster: a script uses several keys). Every
 * method rejects within a quarter of a second when Redis does not answer, and at once when there is no connection.
 */
export class RedisCounters implements LimitCounters {
  readonly #client: Redis

  constructor (url: string) {
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectionName: 'limits',
      keyPrefix: PREFIX,
      connectTimeout: CONNECT_WITHIN_MS,
      commandTimeout: ANSWER_WITHIN_MS,
      socketTimeout: CONNECT_WITHIN_MS,               // cuts a connection that has died silently, while an answer is due
      enableOfflineQueue: false,
      enableReadyCheck: false,                        // INFO would need a right
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,           // whoever asked has been told otherwise
      // Jitter, so that a restarted Redis is not met by every process at once.
      retryStrategy: attempt => Math.min(LONGEST_PAUSE_MS, 50 * attempt) * (0.5 + Math.random() / 2)
    })
    this.#client.on('error', () => {})                // every call finds it out by itself
    this.#client.defineCommand('countOne', { numberOfKeys: 1, lua: COUNT })
    this.#client.defineCommand('beginAttempt', { lua: BEGIN })
    this.#client.defineCommand('forgiveAttempt', { lua: FORGIVE })
  }

  /** Resolves when there is a connection, or it is clear that there will be none for now. It is tried for ever. */
  async connect (): Promise<void> {
    await Promise.race([this.#client.connect().catch(() => {}), setTimeout(CONNECT_WITHIN_MS)])
  }

  async count (key: string, windowMs: number): Promise<Counted> {
    const [count, resetMs] = await this.#client.countOne(key, windowMs)
    return { count, resetMs }
  }

  async begin (budgets: readonly Budget[]): Promise<Begun> {
    const settings = budgets.flatMap(({ free, delays, forgottenAfterMs }) => [free, delays?.firstMs ?? 0, delays?.longestMs ?? 0, forgottenAfterMs])
    const [waiting, waitMs] = await this.#client.beginAttempt(budgets.length, ...budgets.map(({ key }) => key), ...settings)
    if (waiting > 0) return { kind: 'refused', index: waiting - 1, waitMs }
    return { kind: 'begun', attempt: { forgive: async keys => { await this.#client.forgiveAttempt(keys.length, ...keys) } } }
  }

  async reset (keys: string[]): Promise<void> {
    await this.#client.del(...keys)
  }

  close (): void {
    this.#client.disconnect()
  }
}
