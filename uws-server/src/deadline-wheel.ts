import { SlicedWork } from '@fastify-uws-auth/auth-contract'

/** Something that wants to be called at an instant. `dueTick` belongs to the wheel. */
export interface Deadline {
  dueTick: number
  onDeadline (): void
}

/** `dueTick` of whatever waits for nothing. */
export const NOT_DUE = -1

/** `dueTick` of whatever is called as soon as its turn comes. */
const DUE_NOW = -2

const TICK_MS = 1000
/** A few milliseconds of work. */
const CALLS_PER_TURN = 500

/**
 * All deadlines of a process under one timer with a tick of one second: a timer for each socket would cost 0.4 KB, a
 * place in a set costs next to nothing. A deadline is never early and up to one second late; when thousands are due at
 * once, they are called a slice each turn of the event loop.
 */
export class DeadlineWheel {
  readonly #byTick = new Map<number, Set<Deadline>>()
  readonly #calls = new SlicedWork<Deadline>(CALLS_PER_TURN, call)
  readonly #now: () => number
  #lastTick: number
  #timer: NodeJS.Timeout | undefined

  /** @param now milliseconds since the epoch */
  constructor (now: () => number) {
    this.#now = now
    this.#lastTick = tickAt(now())
  }

  start (): void {
    this.#timer = setInterval(() => this.advance(), TICK_MS)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /** Calls `deadline` once, not before `at`. An earlier wish of the same deadline is forgotten. */
  schedule (deadline: Deadline, at: number): void {
    this.cancel(deadline)
    const tick = Math.max(Math.ceil(at / TICK_MS), this.#lastTick + 1)
    deadline.dueTick = tick
    const due = this.#byTick.get(tick)
    if (due) due.add(deadline)
    else this.#byTick.set(tick, new Set([deadline]))
  }

  cancel (deadline: Deadline): void {
    const due = this.#byTick.get(deadline.dueTick)
    if (due?.delete(deadline) && due.size === 0) this.#byTick.delete(deadline.dueTick)
    deadline.dueTick = NOT_DUE
  }

  /** Calls what has become due. The timer does this; tests with a clock of their own do it themselves. */
  advance (): void {
    const tick = tickAt(this.#now())
    // A clock that was set far ahead makes many ticks due at once: walk what is there, not every second in between.
    const dueTicks = tick - this.#lastTick > this.#byTick.size
      ? [...this.#byTick.keys()].filter(due => due <= tick).sort((a, b) => a - b)
      : Array.from({ length: Math.max(0, tick - this.#lastTick) }, (_, index) => this.#lastTick + 1 + index)
    this.#lastTick = tick          // also when the clock was set back: what is due then still comes
    for (const dueTick of dueTicks) {
      const due = this.#byTick.get(dueTick) ?? []
      this.#byTick.delete(dueTick)
      for (const deadline of due) deadline.dueTick = DUE_NOW
      for (const deadline of due) this.#calls.add(deadline)
    }
  }
}

// One that was cancelled or scheduled anew meanwhile is not called.
function call (deadline: Deadline): void {
  if (deadline.dueTick !== DUE_NOW) return
  deadline.dueTick = NOT_DUE
  deadline.onDeadline()
}

function tickAt (instant: number): number {
  return Math.floor(instant / TICK_MS)
}
