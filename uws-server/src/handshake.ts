import { CLOSE, type AccessTokenVerifier, type Principal } from '@fastify-uws-auth/auth-contract'
import { refuse, type Admission, type Refusal, type VerifiedCredential } from './admission.js'
import type { SocketMetrics } from './socket-metrics.js'
import type { Source } from './sources.js'
import type { TicketVerifier } from './tickets.js'
import { comesFromAllowedPage, readCredential, type Credential, type UpgradePolicy, type UpgradeRequest } from './upgrade.js'

export interface HandshakeOptions {
  policy: UpgradePolicy
  sourceOf: (request: UpgradeRequest) => Source
  verifyAccessToken: AccessTokenVerifier
  verifyTicket: TicketVerifier
  /** Decides about whom a credential was verified to speak for. */
  admit: (credential: VerifiedCredential) => Admission
  isDraining: () => boolean
  /** True when a trusted proxy has the connection, which can ask another process. */
  comesByProxy: (request: UpgradeRequest) => boolean
  /** True when this process has as many sockets as it may. */
  isFull: () => boolean
  metrics: Pick<SocketMetrics, 'connected'>
  onRefused: (request: UpgradeRequest, refusal: Refusal) => void
  /** Milliseconds since the epoch. */
  now: () => number
}

/** A refusal with how it is said. */
export interface AddressedRefusal extends Refusal {
  /** To a page's script, which cannot read an HTTP answer: by opening the socket and closing it. */
  byCloseCode?: true
}

/** Who comes in, and from where. Without a principal: somebody who has to say by a message who they are. */
export interface Entry {
  kind: 'entered'
  principal: Principal | undefined
  source: Source
  /** Whether messages may come compressed: from strangers they may not. */
  compresses: boolean
}

const DRAINING = refuse('temporarily_unavailable', CLOSE.serviceRestart, 'service restart')
const TOO_FAST = refuse('rate_limited', CLOSE.rateLimited, 'rate_limited', { detail: 'Too many new sockets from this address.' })
const TOO_MANY_FAILURES = refuse('rate_limited', CLOSE.rateLimited, 'rate_limited', { detail: 'Too many failed authentications from this address.', retryAfter: 10 })
const TOO_MANY_SOCKETS = refuse('rate_limited', CLOSE.connectionLimit, 'connection_limit', { detail: 'Too many open sockets from this address; close others first.' })
const UNAVAILABLE = refuse('temporarily_unavailable', CLOSE.tryAgainLater, 'try again later')

/**
 * Considers upgrade requests: first what costs nothing to know, so that a flood is refused before anything is verified
 * for it.
 * @returns never rejects; call what it resolves to in the tick in which the socket enters the registry
 */
export function createHandshake (options: HandshakeOptions): (request: UpgradeRequest) => Promise<() => Entry | AddressedRefusal> {
  const { policy, sourceOf, admit, isDraining, comesByProxy, isFull, metrics, onRefused, now } = options

  const consider = async (credential: Credential | Refusal, source: Source): Promise<() => Admission | 'anonymous'> => {
    // A ticket is not used up for nothing.
    if (isDraining()) return () => DRAINING
    // First, so that a foreign page cannot use up what its visitor may do.
    if (credential.kind === 'refused') return () => credential
    if (!source.takeConnect(now())) return () => TOO_FAST
    if (isFull()) return () => UNAVAILABLE
    if (!source.hasRoom()) return () => TOO_MANY_SOCKETS
    if (credential.kind === 'none') return () => 'anonymous'
    const verification = await source.attempt(now, async () => credential.kind === 'ticket' ? await options.verifyTicket(credential.ticket) : await options.verifyAccessToken(credential.accessToken))
    if (verification === undefined) return () => TOO_MANY_FAILURES
    if (verification.kind === 'unavailable') return () => UNAVAILABLE
    return () => source.hasRoom() ? admit(verification) : TOO_MANY_SOCKETS
  }

  return async request => {
    const source = sourceOf(request)
    const credential = readCredential(request, policy)
    const answer = await consider(credential, source)
    const carrier = credential.kind === 'refused' ? 'none' : credential.carrier
    return () => {
      const outcome = isDraining() ? DRAINING : answer()
      if (outcome === 'anonymous') return { kind: 'entered', principal: undefined, source, compresses: false }
      metrics.connected(outcome.kind === 'refused' ? outcome.reason : 'accepted', carrier)
      if (outcome.kind === 'admitted') return { kind: 'entered', principal: outcome.principal, source, compresses: true }
      onRefused(request, outcome)
      // The page would learn why; but the proxy finds it another process.
      if (outcome === DRAINING && comesByProxy(request)) return outcome
      return comesFromAllowedPage(request, policy) && source.takeCloseCode(now()) ? { ...outcome, byCloseCode: true } : outcome
    }
  }
}
