import pg from 'pg'
import type { Logger } from 'pino'

export const READ_EVERY_MS = 2000
const STATEMENT_TIMEOUT_MS = 2000
const LONGEST_PAUSE_MS = 2000

/** What one turn of the event loop can bear: thousands may have ended at once. */
const PAGE = 2000

// A transaction stamps its row before it commits, so a read looks back further than the longest transaction lasts. What
// commits between two pages is found by the next read for the same reason.
const READ_NEWER_ROWS = `
  select t.read_at::text as "readAt", r.sid, r.user_id as sub, r.reason,
         (extract(epoch from r.revoked_at) * 1000)::float8 as "revokedAt", r.revoked_at::text as place
    from (select clock_timestamp() as read_at) t
    left join lateral (
      select * from revocations
       where revoked_at > case when $1::timestamptz is null then t.read_at - interval '65 minutes'
                               else $1::timestamptz - interval '30 seconds' end
         -- The second condition finds the page in the index, the third where it begins among those of one instant.
         and revoked_at >= coalesce($2::timestamptz, '-infinity') and ($2::timestamptz is null or (revoked_at, sid) > ($2, $3::uuid))
       order by revoked_at, sid limit ${PAGE}) r on true
   order by r.revoked_at, r.sid`

interface Row { readAt: string, sid: string | null, place: string }

export interface RevocationReaderOptions {
  /** Must reach PostgreSQL directly: a transaction pooler loses notifications. */
  connectionString: string
  /** Told of each new connection before its first read. */
  onConnected: (client: pg.Client) => Promise<void>
  /** Called with some rows at a time, in turns of the event loop of their own. */
  onRows: (rows: Array<{ sid: string | null }>, isFirstRead: boolean) => void
  log: Logger
}

/**
 * Reads the table of ended sessions every two seconds, and right after each reconnect: the rows newer than the last
 * successful read. It is what makes lost messages harmless.
 */
export class RevocationReader {
  readonly #options: RevocationReaderOptions
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #lastReadAt: string | null = null
  #lastSuccess = -Infinity
  #failures = 0
  #closed = false
  #running: Promise<void> = Promise.resolve()

  constructor (options: RevocationReaderOptions) {
    this.#options = options
  }

  /** @throws {Error} when the first read fails */
  async start (): Promise<void> {
    const firstRead = this.#connectAndRead()
    this.#running = firstRead.catch(() => {})
    try {
      await firstRead
    } catch (err) {
      await this.close()
      throw err
    }
    this.#schedule(READ_EVERY_MS)
  }

  /** Reads without waiting for the next turn, after the read that may be under way. */
  readSoon (): void {
    this.#running = this.#running.then(() => this.#tick())
  }

  /** Milliseconds since the last successful read began, by a monotonic clock. `Infinity` before the first. */
  staleness (): number { return performance.now() - this.#lastSuccess }

  async close (): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
    await this.#disconnect()
  }

  #schedule (delayMs: number): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    // One timer, and one read after the other: a connection can break while a read is under way, and both ask for
    // the next read. Two loops would live on beside each other, and close() would stop only one.
    this.#timer = setTimeout(() => this.readSoon(), delayMs)
  }

  async #tick (): Promise<void> {
    if (this.#closed) return
    try {
      await this.#connectAndRead()
      if (this.#failures > 0) this.#options.log.info({ failures: this.#failures }, 'revocation feed is back')
      this.#failures = 0
      this.#schedule(READ_EVERY_MS)
    } catch (err) {
      await this.#disconnect()
      this.#failures += 1
      if (!this.#closed) this.#options.log.warn({ err, failures: this.#failures }, 'revocation feed lost its connection')
      // Jitter, so that a restarted database is not met by every node at once.
      const pause = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** this.#failures)
      this.#schedule(pause / 2 + Math.random() * pause / 2)
    }
  }

  async #connectAndRead (): Promise<void> {
    const client = this.#client ?? await this.#connect()
    const askedAt = performance.now()
    let page = await this.#readPage(client)
    const { readAt } = page[0]!
    this.#options.onRows(page, this.#lastReadAt === null)
    while (page.length === PAGE) {
      page = await this.#readPage(client, page.at(-1))
      this.#options.onRows(page, this.#lastReadAt === null)
    }
    this.#lastReadAt = readAt
    this.#lastSuccess = askedAt
  }

  // When there is none, one row comes back without a session: it says when that was.
  async #readPage (client: pg.Client, after?: Row): Promise<Row[]> {
    const { rows } = await client.query<Row>({ name: 'read-revocations', text: READ_NEWER_ROWS, values: [this.#lastReadAt, after?.place ?? null, after?.sid ?? null] })
    return rows
  }

  async #connect (): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#options.connectionString,
      application_name: 'revocation-feed',
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true
    })
    client.on('error', err => this.#onConnectionLost(client, err))
    this.#client = client
    await client.connect()
    await this.#options.onConnected(client)
    return client
  }

  #onConnectionLost (client: pg.Client, err: Error): void {
    if (this.#client !== client || this.#closed) return
    this.#options.log.warn({ err }, 'revocation feed connection broke')
    this.#client = undefined
    client.end().catch(() => {})
    this.#schedule(0)
  }

  async #disconnect (): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }
}
