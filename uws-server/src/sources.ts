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
}

/** One client address, or one /64 of IPv6, as this process has met it. Instants are milliseconds of one clock. */
export class Source {
  readonly #limits: SourceLimits
  readonly #connects: TokenBucket
  #failures: TokenBucket | undefined
  #sockets = 0

  constructor (limits: SourceLimits, now: number) {
    this.#limits = limits
    this.#connects = new TokenBucket(limits.connects, now)
  }

  takeConnect (now: number): boolean {
    return this.#connects.take(now)
  }

  /** False when so many credentials from here were no good that the next one is not looked at. */
  mayAuthenticate (now: number): boolean {
    return this.#failures?.has(now) ?? true
  }

  noteFailure (now: number): void {
    this.#failures ??= new TokenBucket(this.#limits.failures, now)
    this.#failures.take(now)
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
