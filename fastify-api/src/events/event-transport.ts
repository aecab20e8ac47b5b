import type { AuthEvent } from '@fastify-uws-auth/auth-contract'

/** Where the relay hands events on to: a broker, or the consumers themselves. */
export interface EventTransport {
  /**
   * Hands events on, in their order.
   * @param events at least one
   * @returns how many of the first are safe now; the others are handed on again later
   * @throws when none is, because something is away
   */
  publish: (events: readonly AuthEvent[]) => Promise<number>
  /** Finishes what is in hand. */
  close: () => Promise<void>
}
