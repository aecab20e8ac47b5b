import { SlicedWork, type PublicKeyFile, type Revocation, type RevocationSet } from '@fastify-uws-auth/auth-contract'
import type { Connection } from './connection.js'
import { OPEN_STATES, type OpenState } from './connection-state.js'
import type { SocketMetrics } from './socket-metrics.js'

/** A few milliseconds of work: what everybody else can wait for when many sockets end together. */
const ENDINGS_PER_TURN = 100

/** Told of each authenticated socket that opens and closes. */
export interface PresenceListener {
  opened (sessionId: string): void
  closed (sessionId: string): void
}

/** The open sockets of this process by session, so that the end of a session costs one lookup. */
export class SocketRegistry {
  readonly #anonymous = new Set<Connection>()
  // Nearly every session has one socket here; a set for each would cost more than the rest of the entry.
  readonly #bySession = new Map<string, Connection | Set<Connection>>()
  readonly #countByUser = new Map<string, number>()
  readonly #endings = new SlicedWork<() => void>(ENDINGS_PER_TURN, end => end())
  readonly #presence: PresenceListener
  #size = 0

  constructor (presence: PresenceListener) {
    this.#presence = presence
  }

  /** From now on the end of a session closes its sockets, in the tick in which this process learns of it. */
  followRevocations (revocations: RevocationSet, { revocationClosed }: Pick<SocketMetrics, 'revocationClosed'>): void {
    revocations.onRevoked(revocation => {
      const learnedAt = performance.now()
      for (const connection of this.#of(revocation)) {
        this.#endings.add(() => {
          connection.revoke(revocation)
          revocationClosed((performance.now() - learnedAt) / 1000)
        })
      }
    })
  }

  /** When a key is dropped in an emergency, sockets that were opened with it have to show a new access token. */
  followKeys (keys: PublicKeyFile): void {
    keys.onChange(() => {
      for (const connection of this.all()) {
        if (connection.principal && !keys.byKid.has(connection.principal.keyId)) this.#endings.add(() => connection.expire())
      }
    })
  }

  add (connection: Connection): void {
    this.#size += 1
    const { principal } = connection
    if (principal === undefined) {
      this.#anonymous.add(connection)
      return
    }
    const { sessionId, subject } = principal
    const sockets = this.#bySession.get(sessionId)
    if (sockets instanceof Set) sockets.add(connection)
    else this.#bySession.set(sessionId, sockets ? new Set([sockets, connection]) : connection)
    this.#presence.opened(sessionId)
    this.#countByUser.set(subject, this.countOf(subject) + 1)
  }

  /** An anonymous socket has shown who it is. */
  authenticated (connection: Connection): void {
    this.#anonymous.delete(connection)
    this.#size -= 1
    this.add(connection)
  }

  remove (connection: Connection): void {
    this.#size -= 1
    const { principal } = connection
    if (principal === undefined) {
      this.#anonymous.delete(connection)
      return
    }
    const { sessionId, subject } = principal
    const sockets = this.#bySession.get(sessionId)
    if (sockets instanceof Set) sockets.delete(connection)
    if (!(sockets instanceof Set) || sockets.size === 0) this.#bySession.delete(sessionId)
    this.#presence.closed(sessionId)
    const left = this.countOf(subject) - 1
    if (left > 0) this.#countByUser.set(subject, left)
    else this.#countByUser.delete(subject)
  }

  get size (): number { return this.#size }

  /** Open sockets of a user. */
  countOf (userId: string): number {
    return this.#countByUser.get(userId) ?? 0
  }

  all (): Connection[] {
    return [...this.#anonymous, ...[...this.#bySession.values()].flatMap(sockets => sockets instanceof Set ? [...sockets] : [sockets])]
  }

  countByState (): Record<OpenState, number> {
    const counts = Object.fromEntries(OPEN_STATES.map(state => [state, 0])) as Record<OpenState, number>
    for (const { state } of this.all()) if (state !== 'closed') counts[state] += 1
    return counts
  }

  #of ({ sid }: Revocation): Connection[] {
    const sockets = this.#bySession.get(sid)
    if (sockets === undefined) return []
    return sockets instanceof Set ? [...sockets] : [sockets]
  }
}
