/** Something that wants to be called at an instant. `dueTick` belongs to the wheel. */
export interface Deadline {
  dueTick: number
  onDeadline (): void
}

/** `dueTick` of whatever waits for nothing. */
export const NOT_DUE = -1

const TICK_MS = 1000

/**
 * All deadlines of a process under one timer with a tick of one second: a timer for each socket would cost 0.4 KB, a
 * place in a set costs next to nothing. A deadline is up to one second late and never early.
 */
export class DeadlineWheel {
  readonly #byTick = new Map<number, Set<Deadline>>()
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
      // Each leaves before it is called, and one that is cancelled by another is not called any more.
      for (const deadline of this.#byTick.get(dueTick) ?? []) {
        this.cancel(deadline)
        deadline.onDeadline()
      }
    }
  }
}

function tickAt (instant: number): number {
  return Math.floor(instant / TICK_MS)
}
