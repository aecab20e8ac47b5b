import type { Logger } from 'pino'
import { NotifyCarrier } from './notify-carrier.js'
import type { RevocationCarrier } from './revocation-carrier.js'
import type { RevocationFeed } from './revocation-feed.js'
import { RevocationReader } from './revocation-reader.js'
import { toRevocation } from './revocation.js'
import type { RevocationPath, RevocationSet } from './revocation-set.js'
import { SlicedWork } from './sliced-work.js'

const LONGEST_MESSAGE = 1024
/** A few milliseconds of work: thousands may come at once. */
const MESSAGES_PER_TURN = 250

export interface PostgresRevocationFeedOptions {
  /** Must reach PostgreSQL directly: a transaction pooler loses notifications. */
  connectionString: string
  revocations: RevocationSet
  /** Milliseconds, or `Infinity` for never stale. */
  maxStalenessMs: number
  log: Logger
  /** How news arrive at once. The feed starts and closes it. */
  carrier?: RevocationCarrier
}

/**
 * The revocation feed: a carrier brings news at once, and reading the table finds what the carrier lost. The table is
 * the truth, so only the reads decide about staleness.
 */
export class PostgresRevocationFeed implements RevocationFeed {
  readonly #revocations: RevocationSet
  readonly #maxStalenessMs: number
  readonly #log: Logger
  readonly #carrier: RevocationCarrier
  readonly #reader: RevocationReader
  readonly #messages = new SlicedWork<string>(MESSAGES_PER_TURN, payload => this.#applyMessage(payload))

  constructor ({ connectionString, revocations, maxStalenessMs, log, carrier = new NotifyCarrier() }: PostgresRevocationFeedOptions) {
    this.#revocations = revocations
    this.#maxStalenessMs = maxStalenessMs
    this.#log = log
    this.#carrier = carrier
    this.#reader = new RevocationReader({
      connectionString,
      log,
      onConnected: client => carrier.useConnection(client),
      onRows: (rows, isFirstRead) => this.#applyRows(rows, isFirstRead)
    })
  }

  /** @throws {Error} when the first read fails: a process that does not know what has ended must not start */
  async start (): Promise<void> {
    this.#carrier.listen({ onMessage: payload => this.#messages.add(payload), onListening: () => this.#reader.readSoon() })
    try {
      await this.#reader.start()
    } catch (err) {
      await this.close()
      throw err
    }
  }

  staleness (): number { return this.#reader.staleness() }

  isStale (): boolean { return this.staleness() > this.#maxStalenessMs }

  async close (): Promise<void> {
    await this.#carrier.close()
    await this.#reader.close()
  }

  #applyRows (rows: Array<{ sid: string | null }>, isFirstRead: boolean): void {
    for (const row of rows) if (row.sid !== null) this.#apply(row, isFirstRead ? 'start' : 'read')
    this.#revocations.prune()
  }

  #applyMessage (payload: string): void {
    let row: unknown
    try { row = payload.length <= LONGEST_MESSAGE ? JSON.parse(payload) : undefined } catch { row = undefined }
    if (!this.#apply(row, this.#carrier.name)) this.#log.error('a revocation message could not be read')
  }

  #apply (row: unknown, path: RevocationPath): boolean {
    const revocation = toRevocation(row)
    if (revocation !== undefined) this.#revocations.apply(revocation, path)
    return revocation !== undefined
  }
}
