import type pg from 'pg'
import { REVOCATION_CHANNEL, type CarrierListener, type RevocationCarrier } from './revocation-carrier.js'

/**
 * News by PostgreSQL's LISTEN, on the connection that reads the table: when the reads fail, the notifications are not
 * to be trusted either, and each read proves that the connection is alive. A trigger of the table publishes.
 */
export class NotifyCarrier implements RevocationCarrier {
  readonly name = 'notify'
  #listener: CarrierListener | undefined

  listen (listener: CarrierListener): void { this.#listener = listener }

  async useConnection (client: pg.Client): Promise<void> {
    client.on('notification', ({ payload }) => this.#listener?.onMessage(payload ?? ''))
    // The first read comes afterwards: what commits in between then arrives by both ways instead of by none.
    await client.query(`listen ${REVOCATION_CHANNEL}`)
  }

  publish (): void {}

  async close (): Promise<void> { this.#listener = undefined }
}
