import { TokenBucket, type Rate } from './token-bucket.js'

const MINUTE_MS = 60_000
const TOLERATED_MALFORMED = 4
const EXCESS_CLOSES_AFTER_MS = 3000
/** An excess closes without waiting for that when it is a flood. */
const EXCESS_CLOSES_AFTER_MESSAGES = 1000
/** Later ones of an excess are dropped unread: an answer costs more than a message costs its sender. */
const ANSWERED_OF_AN_EXCESS = 200
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
  #excess: { since: number, lastAt: number, count: number } | undefined

  constructor (limits: MessageLimits, now: number) {
    this.#limits = limits
    this.#messages = new TokenBucket(limits.messages, now)
  }

  /**
   * Counts a frame of any kind. `refuse` is to be answered, `drop` is not; `close` comes once frames have come too fast
   * for three seconds, or a thousand too many.
   */
  takeMessage (now: number): 'accept' | 'refuse' | 'drop' | 'close' {
    if (this.#messages.take(now)) return 'accept'
    if (this.#excess === undefined || now - this.#excess.lastAt > EXCESS_PAUSE_MS) this.#excess = { since: now, lastAt: now, count: 0 }
    const excess = this.#excess
    excess.lastAt = now
    excess.count += 1
    if (now - excess.since >= EXCESS_CLOSES_AFTER_MS || excess.count >= EXCESS_CLOSES_AFTER_MESSAGES) return 'close'
    return excess.count <= ANSWERED_OF_AN_EXCESS ? 'refuse' : 'drop'
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
