import type { AccessTokenVerifier, CloseCode } from '@fastify-uws-auth/auth-contract'
import type { Admission, RevocationState, VerifiedCredential } from './admission.js'
import type { Connection } from './connection.js'
import type { DeadlineWheel } from './deadline-wheel.js'
import type { MessageLimits } from './message-limiter.js'
import type { SocketMetrics } from './socket-metrics.js'

/** The socket below a connection. */
export interface Transport {
  /** Sends one text frame. @returns the bytes that wait for the reader after it */
  send (text: string, compress: boolean): number
  end (code: CloseCode, reason: string): void
  /** Bytes that wait for the reader. */
  readonly bufferedBytes: number
}

export interface ConnectionServices extends RevocationState {
  verify: AccessTokenVerifier
  /** Decides about the credential of a socket that is not authenticated yet. */
  admit: (credential: VerifiedCredential) => Admission
  /** Told once, in the tick in which a socket that was opened without a credential has got one. */
  onAuthenticated: (connection: Connection) => void
  /** Told of each access token that a client shows, by session and refresh generation. */
  observe: (sessionId: string, generation: number) => void
  deadlines: DeadlineWheel
  /** Of a socket that is authenticated. */
  limits: MessageLimits & { authTimeoutMs: number, slowConsumerBytes: number }
  anonymousLimits: MessageLimits
  metrics: SocketMetrics
  /** Milliseconds since the epoch. */
  now: () => number
  /** Between 0 and 1. */
  random: () => number
}
