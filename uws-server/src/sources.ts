import { LRUCache } from 'lru-cache'
import { TokenBucket, type Rate } from './token-bucket.js'

/** What an attacker with many addresses can make us remember. */
const MAXIMUM_SOURCES = 50_000

export interface SourceLimits {
  /** Open sockets at a time. */
  sockets: number
  /** New ones. */
  connects: Rate
  /** Credentials that were no good. */
  failures: Rate
  /** Refusals by close code: the socket of one is open for some seconds, whoever keeps it so. */
  closeCodes: Rate
}

/** One client address, or one /64 of IPv6, as this process has met it. Instants are milliseconds of one clock. */
export class Source {
  readonly #limits: SourceLimits
  readonly #connects: TokenBucket
  #failures: TokenBucket | undefined
  #closeCodes: TokenBucket | undefined
  #attempts = 0
  readonly #waiting: Array<() => void> = []
  #sockets = 0

  constructor (limits: SourceLimits, now: number) {
    this.#limits = limits
    this.#connects = new TokenBucket(limits.connects, now)
  }

  takeConnect (now: number): boolean {
    return this.#connects.take(now)
  }

  /**
   * Verifies a credential, as many at once as may still fail; more of them wait, so that neither a burst of guesses gets
   * further than the limit nor a burst of good credentials is refused.
   * @param verify never rejects
   * @returns undefined when so many from here were no good that this one is not looked at
   */
  async attempt<Outcome extends { kind: string }> (now: () => number, verify: () => Promise<Outcome>): Promise<Outcome | undefined> {
    for (;;) {
      const left = this.#failures?.available(now()) ?? this.#limits.failures.burst
      if (left < 1) return undefined
      if (this.#attempts < Math.floor(left)) break
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    this.#attempts += 1
    const outcome = await verify()
    this.#attempts -= 1
    if (outcome.kind === 'refused') this.noteFailure(now())
    for (const resume of this.#waiting.splice(0)) resume()
    return outcome
  }

  noteFailure (now: number): void {
    this.#failures ??= new TokenBucket(this.#limits.failures, now)
    this.#failures.take(now)
  }

  /** False when a refusal has to be said over HTTP, also to a page. */
  takeCloseCode (now: number): boolean {
    this.#closeCodes ??= new TokenBucket(this.#limits.closeCodes, now)
    return this.#closeCodes.take(now)
  }

  hasRoom (): boolean { return this.#sockets < this.#limits.sockets }

  socketOpened (): void { this.#sockets += 1 }

  socketClosed (): void { this.#sockets -= 1 }
}

/** The addresses that this process has met lately. When there are too many, the one unused for longest is forgotten. */
export class Sources {
  readonly #byAddress = new LRUCache<string, Source>({ max: MAXIMUM_SOURCES })
  readonly #limits: SourceLimits

  constructor (limits: SourceLimits) {
    this.#limits = limits
  }

  at (address: string, now: number): Source {
    let source = this.#byAddress.get(address)
    if (source === undefined) {
      source = new Source(this.#limits, now)
      this.#byAddress.set(address, source)
    }
    return source
  }
}
