import { setTimeout as sleep } from 'node:timers/promises'

/** Something that was started: another process, in the end. */
export interface Running {
  /** Resolves with how it ended, whether asked to or not. Never rejects. */
  exited: Promise<string>
  stop (): Promise<void>
}

/**
 * Starts something and resolves when it is ready. Rejects, with nothing left behind, when it ends before, or when the
 * signal asks to give up.
 */
export type Launch = (giveUp: AbortSignal) => Promise<Running>

export interface SupervisedOptions {
  launch: Launch
  /** Told how it ended and in how many milliseconds it is started again. */
  onCrash: (reason: string, restartInMs: number) => void
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
/** Whatever lives this long has recovered: its next crash starts with the short pause again. */
const STABLE_AFTER_MS = 30_000

/** Keeps one thing running: starts it again whenever it ends, until it is told to stop. */
export class Supervised {
  readonly #options: SupervisedOptions
  readonly #stopping = new AbortController()
  #running: Running | undefined
  #settled: Promise<void> = Promise.resolve()

  constructor (options: SupervisedOptions) {
    this.#options = options
  }

  /** Resolves when it is ready. Rejects when the first launch fails: that is a mistake, and repeating does not cure it. */
  async start (): Promise<void> {
    const started = this.#launch()
    this.#settled = started.catch(() => {})
    await started
    this.#settled = this.#watch()
  }

  /** Resolves when nothing of it is left. May be called at any time, more than once. */
  async stop (): Promise<void> {
    this.#stopping.abort()
    await this.#running?.stop()
    await this.#settled
  }

  async #launch (): Promise<void> {
    const running = await this.#options.launch(this.#stopping.signal)
    this.#running = running
    if (!this.#stopping.signal.aborted) return
    await running.stop()
    this.#stopping.signal.throwIfAborted()
  }

  async #watch (): Promise<void> {
    const { signal } = this.#stopping
    let pause = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const since = performance.now()
      let reason = await this.#running!.exited
      if (performance.now() - since > STABLE_AFTER_MS) pause = FIRST_PAUSE_MS
      for (let up = false; !up && !signal.aborted;) {
        this.#options.onCrash(reason, pause)
        await sleep(pause, undefined, { signal }).catch(() => {})
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        if (signal.aborted) return
        await this.#launch().then(() => { up = true }, (err: Error) => { reason = err.message })
      }
    }
  }
}
