/** What may wait, each frame counted with what it costs in memory. */
const MAXIMUM_BYTES = 1024 * 1024
const FRAME_OVERHEAD_BYTES = 128

/** Handles frames one after the other: while something is awaited the later ones wait, bounded in bytes. */
export class InOrder {
  #waiting: Array<{ handle: () => void, cost: number }> = []
  #bytes = 0
  #awaits = false
  #stopped = false

  get isAwaiting (): boolean { return this.#awaits }

  /**
   * Lets a frame wait for what is awaited.
   * @param bytes length of the frame
   * @returns false when there is no room for it
   */
  wait (bytes: number, handle: () => void): boolean {
    const cost = bytes + FRAME_OVERHEAD_BYTES
    if (this.#bytes + cost > MAXIMUM_BYTES) return false
    this.#bytes += cost
    this.#waiting.push({ handle, cost })
    return true
  }

  /**
   * Awaits something, then finishes it, handles what has waited and calls `settled`, unless one of them stops or awaits
   * anew.
   * @param promise never rejects
   */
  await<Result> (promise: Promise<Result>, finish: (result: Result) => void, settled: () => void): void {
    this.#awaits = true
    promise.then(result => {
      if (this.#stopped) return
      finish(result)
      this.#awaits = false
      while (!this.#stopped && !this.#awaits) {
        const frame = this.#waiting.shift()
        if (frame === undefined) return settled()
        this.#bytes -= frame.cost
        frame.handle()
      }
    })
  }

  /** Nothing is handled any more. */
  stop (): void {
    this.#stopped = true
    this.#waiting = []
  }
}
