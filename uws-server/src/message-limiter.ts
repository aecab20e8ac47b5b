import { TokenBucket } from './token-bucket.js'

const MINUTE_MS = 60_000
const TOLERATED_MALFORMED = 4
const EXCESS_CLOSES_AFTER_MS = 3000
/** A pause this long ends an excess. */
const EXCESS_PAUSE_MS = 1000

export interface MessageLimits {
  maxMessageBytes: number
  messages: { perSecond: number, burst: number }
  reauths: { perSecond: number, burst: number }
}

/** What one socket may send. Instants are milliseconds of one clock. */
export class MessageLimiter {
  readonly #messages: TokenBucket
  readonly #reauths: TokenBucket
  readonly #malformedAt: number[] = []
  #excess: { since: number, lastAt: number } | undefined

  constructor (limits: MessageLimits, now: number) {
    this.#messages = new TokenBucket(limits.messages, now)
    this.#reauths = new TokenBucket(limits.reauths, now)
  }

  /** `close` once messages have come too fast for three seconds. */
  takeMessage (now: number): 'accept' | 'refuse' | 'close' {
    if (this.#messages.take(now)) return 'accept'
    if (this.#excess === undefined || now - this.#excess.lastAt > EXCESS_PAUSE_MS) this.#excess = { since: now, lastAt: now }
    this.#excess.lastAt = now
    return now - this.#excess.since >= EXCESS_CLOSES_AFTER_MS ? 'close' : 'refuse'
  }

  takeReauth (now: number): boolean {
    return this.#reauths.take(now)
  }

  /** Notes an unknown or malformed message. False at the fifth within a minute. */
  toleratesMalformed (now: number): boolean {
    while (this.#malformedAt.length > 0 && this.#malformedAt[0]! <= now - MINUTE_MS) this.#malformedAt.shift()
    this.#malformedAt.push(now)
    return this.#malformedAt.length <= TOLERATED_MALFORMED
  }
}
