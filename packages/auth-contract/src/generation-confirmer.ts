import type { Logger } from 'pino'

const FLUSH_EVERY_MS = 1000
const MAXIMUM_REMEMBERED = 100_000

export interface GenerationConfirmerOptions {
  /** Calls the SQL function `confirm_generations` with pairs of the same index. */
  confirm: (sessionIds: string[], generations: number[]) => Promise<void>
  log: Logger
}

/**
 * Tells the database which refresh generations have reached their client: whoever shows an access token with
 * `rg` = n holds refresh token n, so an older one that turns up later is stolen. Collected in memory and
 * written about once a second; losing a batch makes reuse detection more lenient and nothing else.
 */
export class GenerationConfirmer {
  readonly #confirm: GenerationConfirmerOptions['confirm']
  readonly #log: Logger
  readonly #seen = new Map<string, number>()
  #pending = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor ({ confirm, log }: GenerationConfirmerOptions) {
    this.#confirm = confirm
    this.#log = log
  }

  /** Notes a verified access token. Costs a Map lookup when the generation is known already. */
  observe (sessionId: string, generation: number): void {
    if (generation <= (this.#seen.get(sessionId) ?? 0)) return      // generation 0 has no predecessor
    if (this.#seen.size >= MAXIMUM_REMEMBERED) this.#seen.clear()
    this.#seen.set(sessionId, generation)
    this.#pending.set(sessionId, Math.max(generation, this.#pending.get(sessionId) ?? 0))   // what was seen may be forgotten
    this.#timer ??= setTimeout(() => { this.#flushing = this.flush() }, FLUSH_EVERY_MS)
  }

  async flush (): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending.size === 0) return
    const batch = this.#pending
    this.#pending = new Map()
    try {
      await this.#confirm([...batch.keys()], [...batch.values()])
    } catch (err) {
      this.#log.warn({ err, sessions: batch.size }, 'could not confirm refresh generations')
      for (const sessionId of batch.keys()) this.#seen.delete(sessionId)   // the next access token tries again
    }
  }

  async close (): Promise<void> {
    await this.#flushing
    await this.flush()
  }
}
