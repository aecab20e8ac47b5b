import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { reasonOfRedisError } from './redis-error.js'
import { REVOCATION_CHANNEL, type CarrierListener, type RevocationCarrier } from './revocation-carrier.js'
import type { Revocation } from './revocation.js'

const LONGEST_PAUSE_MS = 2000
const SUBSCRIBE_AGAIN_AFTER_MS = 2000
const PING_EVERY_MS = 5000
export const ANSWER_WITHIN_MS = 2000
const MOST_UNANSWERED = 10_000

/**
 * News by a Redis channel. One connection both listens and publishes, which needs RESP3, so Redis 6 or later. While
 * Redis is away, nothing waits for it and nothing is kept for it: the reads of the table bring what was missed.
 */
export class RedisCarrier implements RevocationCarrier {
  readonly name = 'redis'
  readonly #client: Redis
  readonly #log: Logger
  readonly #heartbeat: NodeJS.Timeout
  #subscribing: NodeJS.Timeout | undefined
  #away = false
  #publishingFails = false
  #unanswered = 0
  #closed = false

  constructor ({ url, log }: { url: string, log: Logger }) {
    this.#log = log
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectionName: 'revocations',
      connectTimeout: ANSWER_WITHIN_MS,
      commandTimeout: ANSWER_WITHIN_MS,
      socketTimeout: ANSWER_WITHIN_MS,                // only while an answer is due, hence the pings
      enableOfflineQueue: false,
      enableReadyCheck: false,                        // a channel works while Redis loads, and INFO would need a right
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,                         // we do it, because we have to know when it is done
      retryStrategy: pauseBefore
    })
    this.#client.on('error', err => this.#onAway(err))
    this.#client.on('close', () => this.#onAway(Object.assign(new Error(), { code: 'the connection ended' })))
    this.#heartbeat = setInterval(() => this.#ping(), PING_EVERY_MS).unref()
  }

  listen ({ onMessage, onListening }: CarrierListener): void {
    this.#client.on('message', (_channel, payload) => onMessage(payload))
    this.#client.on('ready', () => this.#subscribe(onListening))
    this.#client.connect().catch(() => {})            // the event "error" has said it
  }

  async useConnection (): Promise<void> {}

  publish (revocation: Revocation): void {
    if (this.#unanswered >= MOST_UNANSWERED) return this.#onUnpublished(Object.assign(new Error(), { code: 'Redis does not answer' }))
    this.#unanswered += 1
    this.#client.publish(REVOCATION_CHANNEL, JSON.stringify(revocation))
      .then(() => { this.#publishingFails = false }, err => this.#onUnpublished(err))
      .finally(() => { this.#unanswered -= 1 })
  }

  async close (): Promise<void> {
    this.#closed = true
    clearInterval(this.#heartbeat)
    clearTimeout(this.#subscribing)
    this.#client.disconnect()                         // what was written before still leaves
  }

  #subscribe (onListening: () => void): void {
    clearTimeout(this.#subscribing)
    this.#client.subscribe(REVOCATION_CHANNEL).then(() => {
      if (this.#away) this.#log.info('Redis is back')
      this.#away = false
      onListening()
    }, err => {
      this.#onAway(err)
      // A connection that broke subscribes when it is back; a refusal, such as missing rights, may be put right.
      if (this.#client.status === 'ready') this.#subscribing = setTimeout(() => this.#subscribe(onListening), SUBSCRIBE_AGAIN_AFTER_MS)
    })
  }

  #ping (): void {
    if (this.#client.status === 'ready') this.#client.ping().catch(() => {})   // the connection is cut when no answer comes
  }

  // Once until it is back, however often it is tried.
  #onAway (err: Error): void {
    if (!this.#away && !this.#closed) this.#log.warn({ reason: reasonOfRedisError(err) }, 'Redis is out of reach; revocations arrive by reading the table until it is back')
    this.#away = true
  }

  #onUnpublished (err: Error): void {
    if (!this.#publishingFails && !this.#away && !this.#closed) this.#log.warn({ reason: reasonOfRedisError(err) }, 'could not publish a revocation; the others find it by reading the table')
    this.#publishingFails = true
  }
}

// Jitter, so that a restarted Redis is not met by every node at once.
function pauseBefore (attempt: number): number {
  const pause = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 10))
  return pause / 2 + Math.random() * pause / 2
}
