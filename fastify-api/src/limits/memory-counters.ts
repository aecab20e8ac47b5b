import { LRUCache } from 'lru-cache'
import type { Begun, Budget, Counted, LimitCounters } from './limit-counters.js'

interface Window { count: number, endsAt: number }
interface Failures { failures: number, at: number, forgottenAt: number }

/** About 10 MB each when full. The least recently used are forgotten first. */
const MOST_WINDOWS = 50_000
const MOST_BUDGETS = 50_000

/** Counters of this process alone. */
export class MemoryCounters implements LimitCounters {
  // Apart, so that a flood of requests from many addresses pushes no guesses out.
  readonly #windows = new LRUCache<string, Window>({ max: MOST_WINDOWS })
  readonly #budgets = new LRUCache<string, Failures>({ max: MOST_BUDGETS })
  readonly #now: () => number

  /** @param now whole milliseconds of a clock that never goes back */
  constructor (now: () => number = () => Math.floor(performance.now())) {
    this.#now = now
  }

  /** Keys that are held. */
  get size (): number {
    return this.#windows.size + this.#budgets.size
  }

  async count (key: string, windowMs: number): Promise<Counted> {
    const now = this.#now()
    let window = this.#windows.get(key)
    if (window === undefined || window.endsAt <= now) this.#windows.set(key, window = { count: 0, endsAt: now + windowMs })
    window.count += 1
    return { count: window.count, resetMs: window.endsAt - now }
  }

  async begin (budgets: readonly Budget[]): Promise<Begun> {
    const now = this.#now()
    const waits = budgets.map(budget => waitOf(budget, this.#failuresOf(budget.key, now), now))
    const waitMs = Math.max(...waits)
    if (waitMs > 0) return { kind: 'refused', index: waits.indexOf(waitMs), waitMs }
    for (const { key, delays, forgottenAfterMs } of budgets) {
      const before = this.#failuresOf(key, now)
      const forgottenAt = before === undefined || delays !== undefined ? now + forgottenAfterMs : before.forgottenAt
      this.#budgets.set(key, { failures: (before?.failures ?? 0) + 1, at: now, forgottenAt })
    }
    return { kind: 'begun', attempt: { forgive: async keys => this.#forgive(keys) } }
  }

  async reset (keys: string[]): Promise<void> {
    for (const key of keys) this.#budgets.delete(key)
  }

  #forgive (keys: string[]): void {
    const now = this.#now()
    for (const key of keys) {
      const state = this.#failuresOf(key, now)
      if (state !== undefined) state.failures = Math.max(0, state.failures - 1)
    }
  }

  #failuresOf (key: string, now: number): Failures | undefined {
    const state = this.#budgets.get(key)
    return state !== undefined && state.forgottenAt > now ? state : undefined
  }
}

// As in BEGIN of redis-scripts.ts.
function waitOf ({ free, delays }: Budget, state: Failures | undefined, now: number): number {
  if (state === undefined || state.failures < free) return 0
  if (delays === undefined) return state.forgottenAt - now
  return state.at + Math.min(delays.longestMs, delays.firstMs * 2 ** (state.failures - free)) - now
}
