import type { RevocationCarrier } from './revocation-carrier.js'
import type { Revocation } from './revocation.js'
import type { RevocationSet } from './revocation-set.js'

export interface RevocationAnnouncerOptions {
  revocations: RevocationSet
  carrier: RevocationCarrier
}

/** What whoever ends sessions tells: one place, so that no end of a session is forgotten here and known elsewhere. */
export class RevocationAnnouncer {
  readonly #revocations: RevocationSet
  readonly #carrier: RevocationCarrier

  constructor ({ revocations, carrier }: RevocationAnnouncerOptions) {
    this.#revocations = revocations
    this.#carrier = carrier
  }

  /** Call it after the commit. This process knows when it returns; the others hear it. Never throws. */
  announce (ended: readonly Revocation[]): void {
    for (const revocation of ended) {
      this.#revocations.apply(revocation, 'local')
      this.#carrier.publish(revocation)
    }
  }

  /** For a session whose refresh token was refused: whoever ended it has told the others, only this process may not know. */
  learn (revocation: Revocation): void {
    this.#revocations.apply(revocation, 'refresh')
  }
}
