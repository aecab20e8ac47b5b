import type { PublicKeyFile, Revocation, RevocationSet } from '@fastify-uws-auth/auth-contract'
import type { Connection } from './connection.js'

/** The open sockets of this process by session, so that the end of a session costs one lookup. */
export class SocketRegistry {
  readonly #bySession = new Map<string, Set<Connection>>()

  /** From now on the end of a session closes its sockets, in the tick in which this process learns of it. */
  followRevocations (revocations: RevocationSet): void {
    revocations.onRevoked(revocation => this.#revoke(revocation))
  }

  /** When a key is dropped in an emergency, sockets that were opened with it have to show a new access token. */
  followKeys (keys: PublicKeyFile): void {
    keys.onChange(() => {
      for (const connection of this.all()) if (!keys.byKid.has(connection.keyId)) connection.expire()
    })
  }

  add (connection: Connection): void {
    const sockets = this.#bySession.get(connection.sessionId)
    if (sockets) sockets.add(connection)
    else this.#bySession.set(connection.sessionId, new Set([connection]))
  }

  remove (connection: Connection): void {
    const sockets = this.#bySession.get(connection.sessionId)
    if (sockets?.delete(connection) && sockets.size === 0) this.#bySession.delete(connection.sessionId)
  }

  all (): Connection[] {
    return [...this.#bySession.values()].flatMap(sockets => [...sockets])
  }

  #revoke (revocation: Revocation): void {
    for (const connection of [...this.#bySession.get(revocation.sid) ?? []]) connection.revoke(revocation)
  }
}
