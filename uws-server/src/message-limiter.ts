import { TokenBucket, type Rate } from './token-bucket.js'

const MINUTE_MS = 60_000
const TOLERATED_MALFORMED = 4
const EXCESS_CLOSES_AFTER_MS = 3000
/** A pause this long ends an excess. */
const EXCESS_PAUSE_MS = 1000

export interface MessageLimits {
  maxMessageBytes: number
  messages: Rate
  reauths: Rate
}

/** What one socket may send. Instants are milliseconds of one clock. */
export class MessageLimiter {
  readonly #limits: MessageLimits
  readonly #messages: TokenBucket
  #reauths: TokenBucket | undefined
  #malformedAt: number[] | undefined
  #excess: { since: number, lastAt: number } | undefined

  constructor (limits: MessageLimits, now: number) {
    this.#limits = limits
    this.#messages = new TokenBucket(limits.messages, now)
  }

  /** `close` once messages have come too fast for three seconds. */
  takeMessage (now: number): 'accept' | 'refuse' | 'close' {
    if (this.#messages.take(now)) return 'accept'
    if (this.#excess === undefined || now - this.#excess.lastAt > EXCESS_PAUSE_MS) this.#excess = { since: now, lastAt: now }
    this.#excess.lastAt = now
    return now - this.#excess.since >= EXCESS_CLOSES_AFTER_MS ? 'close' : 'refuse'
  }

  takeReauth (now: number): boolean {
    this.#reauths ??= new TokenBucket(this.#limits.reauths, now)
    return this.#reauths.take(now)
  }

  /** Notes an unknown or malformed message. False at the fifth within a minute. */
  toleratesMalformed (now: number): boolean {
    const malformedAt = (this.#malformedAt ?? []).filter(at => at > now - MINUTE_MS)
    malformedAt.push(now)
    this.#malformedAt = malformedAt
    return malformedAt.length <= TOLERATED_MALFORMED
  }
}
