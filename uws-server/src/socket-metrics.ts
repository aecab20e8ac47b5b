import { CLOSE, type Meter } from '@fastify-uws-auth/auth-contract'
import { REFUSAL_REASONS, type RefusalReason } from './admission.js'
import type { Carrier } from './upgrade.js'

const INITIATORS = ['server', 'client', 'network'] as const
const REAUTH_RESULTS = ['renewed', 'unchanged', 'invalid_token', 'token_expired', 'mismatch', 'revoked', 'unknown'] as const
const CARRIERS: ReadonlyArray<Carrier | 'none'> = ['query', 'header', 'ticket', 'message', 'none']

export type Initiator = typeof INITIATORS[number]

/** What the socket server tells about its sockets. */
export interface SocketMetrics {
  connected (result: 'accepted' | RefusalReason, carrier: Carrier | 'none'): void
  closed (code: number, initiator: Initiator): void
  reauthenticated (result: typeof REAUTH_RESULTS[number]): void
  /** @param seconds from learning of the end of a session until its socket was told to close */
  revocationClosed (seconds: number): void
  /** @param bytes that waited for a reader who was too slow for them */
  dropped (bytes: number): void
}

/** Close codes that clients and networks use; any other one that a client thinks up counts as `other`. */
const FOREIGN_CODES: readonly number[] = [1001, 1002, 1005, 1006, 1011]
const KNOWN_CODES: readonly number[] = [...Object.values(CLOSE), ...FOREIGN_CODES]

export function createSocketMetrics (meter: Meter): SocketMetrics {
  const connected = meter.counter({ name: 'ws_connects_total', help: 'Attempts to authenticate a socket: `accepted`, or the name of the close code, and where the credential was', labels: { result: ['accepted', ...REFUSAL_REASONS].map(toLabel), carrier: CARRIERS } })
  const closed = meter.counter({ name: 'ws_closes_total', help: 'Sockets that closed, by close code and by who closed', labels: { code: [...KNOWN_CODES.map(String), 'other'], initiator: INITIATORS } })
  const reauthenticated = meter.counter({ name: 'ws_reauths_total', help: 'Reauths by result', labels: { result: REAUTH_RESULTS } })
  return {
    connected: (result, carrier) => connected({ result: toLabel(result), carrier }),
    closed: (code, initiator) => closed({ code: KNOWN_CODES.includes(code) ? String(code) : 'other', initiator }),
    reauthenticated: result => reauthenticated({ result }),
    revocationClosed: meter.histogram({
      name: 'ws_revocation_close_seconds',
      help: 'From learning of the end of a session until the close frame of its socket was sent',
      buckets: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
    }),
    dropped: meter.amount({ name: 'ws_dropped_bytes_total', help: 'Bytes that waited for readers who were closed for being too slow' })
  }
}

function toLabel (reason: string): string {
  return reason.replaceAll(' ', '_')
}

export interface MeasuredSockets {
  countByState (): Record<string, number>
  all (): Array<{ bufferedBytes: number }>
}

/** Measures what is open whenever somebody looks. */
export function measureSockets (meter: Meter, registry: MeasuredSockets): void {
  meter.gauge({ name: 'ws_sockets', help: 'Open sockets: `anonymous`, `active`, `expiring`, `grace`', labels: ['state'] }, () => registry.countByState())
  meter.gauge({ name: 'ws_buffered_bytes', help: 'Bytes that wait for readers now' }, () => registry.all().reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0))
}
