import type { Random } from './random.js'
import type { Family } from './rules/rules.js'
import type { VirtualClock } from './virtual-clock.js'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

/** Access tokens live 15 minutes: 96 refreshes in 24 hours. */
export const REFRESH_EVERY_MS = 15 * MINUTE
/** Timers of browsers are late by up to this. */
export const TIMER_JITTER_MS = 10 * SECOND
const FIRST_USE_WITHIN_MS = 5 * SECOND
const SLOW_RESPONSE_MS = 30 * SECOND

export interface Habits {
  /** Tabs, or requests of one page that the server sends on; each refreshes for itself, all use one cookie jar. */
  tabs: number
  /** The tabs begin within this time of each other; 0 is the fan-out of one page. */
  spreadMs: number
  /** Probability that the answer to a first attempt is lost after the server has decided. */
  lostResponses: number
  /** The same for every further attempt. */
  lostRetries: number
  /** How long after sending attempt n, from 1, the client tries again. */
  retryAfterMs: (attempt: number) => number
  /** Probability that an answer takes up to 30 s; the tab waits for it. */
  slowResponses: number
}

export const PLAIN_HABITS: Habits = { tabs: 1, spreadMs: 0, lostResponses: 0, lostRetries: 0, retryAfterMs: () => 2 * SECOND, slowResponses: 0 }

/** What a client needs of its world. */
export interface World { clock: VirtualClock, random: Random, family: Family }

/** An honest user: signed in until the server refuses a refresh. */
export class Browser {
  jar: number
  signedOut = false
  /** Called with each refresh token that the server took and the moment it did. */
  onRotated: (presented: number) => void = () => {}
  readonly #world: World
  readonly #habits: Habits
  readonly #busy: boolean[]
  #awake = true

  constructor (world: World, habits: Habits) {
    this.#world = world
    this.#habits = habits
    this.jar = world.family.first
    this.#busy = Array.from({ length: habits.tabs }, () => false)
    world.clock.after(world.random.between(0, REFRESH_EVERY_MS), () => this.#refreshAll())
  }

  sleep (): void { this.#awake = false }

  wake (): void {
    this.#awake = true
    this.#refreshAll()
  }

  #refreshAll (): void {
    const { clock, random } = this.#world
    if (!this.#awake || this.signedOut) return
    for (let tab = 0; tab < this.#habits.tabs; tab++) {
      if (this.#busy[tab]) continue                  // still trying, an hour later perhaps
      this.#busy[tab] = true
      clock.after(random.between(0, this.#habits.spreadMs), () => this.#send(tab, 1))
    }
    clock.after(REFRESH_EVERY_MS + random.between(0, TIMER_JITTER_MS), () => this.#refreshAll())
  }

  #send (tab: number, attempt: number): void {
    const { clock, random, family } = this.#world
    const habits = this.#habits
    if (this.signedOut) return
    const presented = this.jar
    clock.after(latency(random), () => {
      const answer = family.refresh(presented, clock.now)
      if (answer !== undefined) this.onRotated(presented)
      if (random.chance(attempt === 1 ? habits.lostResponses : habits.lostRetries)) {
        clock.after(habits.retryAfterMs(attempt), () => this.#send(tab, attempt + 1))
        return
      }
      const slow = random.chance(habits.slowResponses) ? random.between(0, SLOW_RESPONSE_MS) : 0
      clock.after(latency(random) + slow, () => this.#receive(tab, answer))
    })
  }

  #receive (tab: number, answer: number | undefined): void {
    const { clock, random, family } = this.#world
    this.#busy[tab] = false
    if (answer === undefined) {
      this.signedOut = true
      return
    }
    this.jar = answer
    clock.after(random.between(0, FIRST_USE_WITHIN_MS), () => family.showAccessToken(answer, clock.now))
  }
}

/** One way through a network, in milliseconds. */
export function latency (random: Random): number {
  return random.between(20, 300)
}
