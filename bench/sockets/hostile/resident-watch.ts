import { residentBytes } from '../../harness/process-figures.js'

/** Follows the resident memory of processes. */
export class ResidentWatch {
  readonly #pids: number[]
  readonly #timer: NodeJS.Timeout
  #peak = 0

  constructor (pids: number[], everyMs = 50) {
    this.#pids = pids
    this.#timer = setInterval(() => this.#look(), everyMs)
  }

  /** Bytes at this moment. @throws {Error} when a process has ended */
  now (): number {
    const bytes = residentBytes(this.#pids)
    this.#peak = Math.max(this.#peak, bytes)
    return bytes
  }

  /** The most bytes so far. */
  get peak (): number { return this.#peak }

  stop (): void { clearInterval(this.#timer) }

  #look (): void {
    try {
      this.now()
    } catch {
      this.stop()                                     // it has ended, as the next call of now() tells
    }
  }
}
