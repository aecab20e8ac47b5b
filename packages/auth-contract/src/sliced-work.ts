/**
 * Does the same with many items without keeping the process from its other work: some of them at once, the rest a
 * slice each turn of the event loop, in their order.
 */
export class SlicedWork<Item> {
  readonly #work: (item: Item) => void
  readonly #perTurn: number
  #waiting: Item[] = []
  #doneThisTurn = 0
  #turnIsPlanned = false

  /** @param perTurn how many items one turn can bear */
  constructor (perTurn: number, work: (item: Item) => void) {
    this.#work = work
    this.#perTurn = perTurn
  }

  /** Does it in this tick unless this turn has had its share. */
  add (item: Item): void {
    this.#planTurn()
    if (this.#waiting.length > 0 || this.#doneThisTurn >= this.#perTurn) {
      this.#waiting.push(item)
      return
    }
    this.#doneThisTurn += 1
    this.#work(item)
  }

  #planTurn (): void {
    if (this.#turnIsPlanned) return
    this.#turnIsPlanned = true
    setImmediate(() => this.#takeTurn())
  }

  #takeTurn (): void {
    this.#turnIsPlanned = false
    const slice = this.#waiting.splice(0, this.#perTurn)
    this.#doneThisTurn = slice.length
    if (slice.length > 0) this.#planTurn()
    for (const item of slice) this.#work(item)
  }
}
