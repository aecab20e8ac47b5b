/** What may wait while a credential is verified, each frame counted with what it costs in memory. */
const MAXIMUM_BYTES = 1024 * 1024
const FRAME_OVERHEAD_BYTES = 128

/** Frames that came while a credential is verified: kept in their order, bounded in bytes. */
export class WaitingFrames {
  readonly #frames: Array<{ handle: () => void, cost: number }> = []
  #bytes = 0

  /**
   * @param bytes length of the frame
   * @returns false when there is no room for it
   */
  add (bytes: number, handle: () => void): boolean {
    const cost = bytes + FRAME_OVERHEAD_BYTES
    if (this.#bytes + cost > MAXIMUM_BYTES) return false
    this.#bytes += cost
    this.#frames.push({ handle, cost })
    return true
  }

  /** Takes the oldest. */
  next (): (() => void) | undefined {
    const frame = this.#frames.shift()
    if (frame === undefined) return undefined
    this.#bytes -= frame.cost
    return frame.handle
  }
}
