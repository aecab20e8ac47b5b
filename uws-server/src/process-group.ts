import { Supervised, type Measurements } from '@fastify-uws-auth/auth-contract/light'
import type { Logger } from 'pino'
import { forkSocketProcess, type ForkedProcess } from './forked-process.js'

export interface ProcessGroupOptions {
  processes: number
  /** After this many milliseconds of stopping a process is killed. */
  stopWithinMs: number
  log: Logger
  onRestart: () => void
}

/** Several socket processes, each kept running by itself: one that ends is started again while the others go on. */
export class ProcessGroup {
  readonly #ready = new Set<ForkedProcess>()
  readonly #supervised: Supervised[]

  constructor ({ processes, stopWithinMs, log, onRestart }: ProcessGroupOptions) {
    this.#supervised = Array.from({ length: processes }, () => new Supervised({
      launch: async giveUp => {
        const process = await forkSocketProcess(stopWithinMs, giveUp)
        this.#ready.add(process)
        process.exited.then(() => this.#ready.delete(process))
        return process
      },
      onCrash (reason, restartInMs) {
        log.error({ reason, restartInMs }, 'a socket process has ended and is started again')
        onRestart()
      }
    }))
  }

  /** How many serve sockets. */
  get readyCount (): number { return this.#ready.size }

  /**
   * Resolves when all are ready. The first goes ahead, so that a mistake all of them would stumble over is told once.
   * @throws {Error} with how one of them ended instead; then `stop` has to be called
   */
  async start (): Promise<void> {
    const [first, ...others] = this.#supervised
    await first?.start()
    await Promise.all(others.map(other => other.start()))
  }

  /** Resolves when none is left. May be called at any time, more than once. */
  async stop (): Promise<void> {
    await Promise.all(this.#supervised.map(supervised => supervised.stop()))
  }

  /**
   * What those that are ready have measured.
   * @throws {Error} when one of them does not answer
   */
  async measure (): Promise<Measurements[]> {
    return await Promise.all([...this.#ready].map(({ measured }) => measured.ask()))
  }
}
