import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'

const TICK_MS = 1000
/** A third of the time after which a silent process counts as dead. */
const HEARTBEAT_TICKS = 10
const BATCH = 5000

export interface PresenceOptions {
  /** Calls the SQL function `touch_presence`: false when the database does not know the process. */
  touch: (processId: string, opened: string[], closed: string[]) => Promise<boolean>
  log: Logger
}

/**
 * Tells the database which sessions have an open socket on this process, so that anybody can see who is online. Only
 * the first socket of a session and the last one matter. Changes are written about once a second and a heartbeat every
 * ten; nothing here decides about access, and a database that is away makes the list old and nothing else.
 */
export class Presence {
  readonly #touch: PresenceOptions['touch']
  readonly #log: Logger
  readonly #sockets = new Map<string, number>()
  /** Sessions of which the database may not know how they are. What to say is read from `#sockets` when it is said. */
  #changed = new Set<string>()
  #processId = randomUUID()
  /** The first call under an id is answered as unknown, and nothing is lost by that. */
  #introduced = false
  #ticksSinceTouch = 0
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()
  #failing = false

  constructor ({ touch, log }: PresenceOptions) {
    this.#touch = touch
    this.#log = log
  }

  /** Notes a socket that has opened. */
  opened (sessionId: string): void {
    const count = this.#sockets.get(sessionId) ?? 0
    this.#sockets.set(sessionId, count + 1)
    if (count === 0) this.#changed.add(sessionId)
  }

  /** Notes that one of the sockets that `opened` was called for has closed. */
  closed (sessionId: string): void {
    const count = this.#sockets.get(sessionId)
    if (count === undefined) return
    if (count > 1) {
      this.#sockets.set(sessionId, count - 1)
      return
    }
    this.#sockets.delete(sessionId)
    this.#changed.add(sessionId)
  }

  /** Begins to write by itself. */
  start (): void {
    this.#timer = setTimeout(async () => {
      this.#ticksSinceTouch += 1
      if (this.#changed.size > 0 || this.#ticksSinceTouch >= HEARTBEAT_TICKS) await this.flush()
      if (this.#timer !== undefined) this.start()         // not when it was closed meanwhile
    }, TICK_MS)
  }

  /** Writes the heartbeat and what has changed; what could not be written stays for the next time. Never rejects. */
  async flush (): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write())
    await this.#flushing
  }

  /** Stops, and takes every session of this process off the list. */
  async close (): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const sessionId of this.#sockets.keys()) this.#changed.add(sessionId)
    this.#sockets.clear()
    await this.flush()
  }

  async #write (): Promise<void> {
    this.#ticksSinceTouch = 0
    let left = this.#changed.size
    do {
      const batch = this.#takeBatch()
      left -= BATCH
      try {
        const known = await this.#touch(this.#processId, batch.filter(id => this.#sockets.has(id)), batch.filter(id => !this.#sockets.has(id)))
        if (this.#failing) this.#log.info('presence is written again')
        this.#failing = false
        if (!known && this.#introduced) {
          this.#beginAnew()
          return
        }
        this.#introduced = true
      } catch (err) {
        for (const sessionId of batch) this.#changed.add(sessionId)
        if (!this.#failing) this.#log.warn({ err, sessions: this.#changed.size }, 'could not write presence, it will be tried again')
        this.#failing = true
        return
      }
    } while (left > 0)
  }

  #takeBatch (): string[] {
    const batch: string[] = []
    for (const sessionId of this.#changed) {
      if (batch.length === BATCH) break
      batch.push(sessionId)
      this.#changed.delete(sessionId)
    }
    return batch
  }

  // Under another id, because the clean-up may be removing what is left under this one.
  #beginAnew (): void {
    this.#processId = randomUUID()
    this.#introduced = false
    this.#changed = new Set(this.#sockets.keys())
    this.#log.info({ sessions: this.#changed.size }, 'presence was lost and is sent again')
  }
}
