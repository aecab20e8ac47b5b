interface Entry { at: number, order: number, action: () => void }

/** Runs actions in the order of their times; no time passes in between. A binary heap, first come first served at one instant. */
export class VirtualClock {
  readonly #heap: Entry[] = []
  #order = 0
  #now = 0

  get now (): number { return this.#now }

  after (delayMs: number, action: () => void): void {
    const heap = this.#heap
    const entry = { at: this.#now + delayMs, order: this.#order++, action }
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (isBefore(heap[parent]!, entry)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  /** Runs everything up to `end`, or until `isOver` says that nothing more matters. */
  run (end: number, isOver: () => boolean): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= end && !isOver()) {
      const { at, action } = this.#takeFirst()
      this.#now = at
      action()
    }
  }

  #takeFirst (): Entry {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (isBefore(last, heap[child]!)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore (a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
