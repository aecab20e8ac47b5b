import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLOSE, type AccessTokenVerifier, type GenerationConfirmer, type Meter, type PublicKeyFile, type RevocationFeed, type RevocationSet } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import { admit, refuse, type Admission, type VerifiedCredential } from './admission.js'
import { createAddressReader, createProxyTest } from './client-address.js'
import { anonymousLimits, connectionLimits, sourceLimits, type SocketConfig } from './config.js'
import { Connection } from './connection.js'
import type { ConnectionServices } from './connection-services.js'
import { DeadlineWheel } from './deadline-wheel.js'
import { drainSockets } from './drain.js'
import { socketsWithinFileLimit } from './file-limit.js'
import { createHandshake } from './handshake.js'
import { answerHttp } from './operations.js'
import { createRequestIds } from './request-ids.js'
import { createSocketMetrics, measureSockets } from './socket-metrics.js'
import { SocketRegistry, type PresenceListener } from './socket-registry.js'
import { Sources } from './sources.js'
import type { TicketVerifier } from './tickets.js'
import type { UpgradePolicy } from './upgrade.js'
import { createUwsServer } from './uws-adapter.js'

const CLOSE_FRAMES_NEED_MS = 250
const TOO_MANY_SOCKETS = refuse('rate_limited', CLOSE.connectionLimit, 'connection_limit', { detail: 'Too many open sockets of this user; close others first.' })

export interface SocketResources {
  config: SocketConfig
  log: Logger
  keys: PublicKeyFile
  verifyAccessToken: AccessTokenVerifier
  verifyTicket: TicketVerifier
  revocations: RevocationSet
  feed: RevocationFeed
  confirmer: GenerationConfirmer
  presence: PresenceListener
  meter: Meter
}

export interface SocketServer {
  /** @throws {Error} when the port cannot be had */
  listen (): Promise<void>
  /**
   * Says that it is not ready, then takes no more connections, then tells every client to reconnect elsewhere. Resolves
   * when all that is on its way.
   */
  close (): Promise<void>
}

/** Puts the parts of the socket server together: handshake, connections, registry, deadlines. */
export function createSocketServer ({ config, log, keys, verifyAccessToken, verifyTicket, revocations, feed, confirmer, presence, meter }: SocketResources): SocketServer {
  const metrics = createSocketMetrics(meter)
  const registry = new SocketRegistry(presence)
  const deadlines = new DeadlineWheel(Date.now)
  const sources = new Sources(sourceLimits(config))
  const addressOf = createAddressReader(config.TRUSTED_PROXIES)
  const isProxy = createProxyTest(config.TRUSTED_PROXIES)
  let draining = false
  let ticketsFail = false                             // said once, however many are shown meanwhile
  const maximumSockets = socketsWithinFileLimit(config.WS_MAX_SOCKETS, log)
  const state = { revocations, isStale: () => feed.isStale(), knowsKey: (keyId: string) => keys.byKid.has(keyId) }
  const admitUser = (credential: VerifiedCredential): Admission => {
    const admission = admit(credential, state)
    if (admission.kind === 'admitted' && registry.countOf(admission.principal.subject) >= config.WS_MAX_SOCKETS_PER_USER) return TOO_MANY_SOCKETS
    return admission
  }
  const services: ConnectionServices = {
    ...state,
    verify: verifyAccessToken,
    admit: admitUser,
    onAuthenticated (connection) {
      registry.authenticated(connection)
      log.info({ event: 'socket.authenticated', connectionId: connection.id, userId: connection.principal?.subject, sessionId: connection.principal?.sessionId }, 'socket authenticated')
    },
    observe: (sessionId, generation) => confirmer.observe(sessionId, generation),
    deadlines,
    limits: connectionLimits(config),
    anonymousLimits: anonymousLimits(config),
    metrics,
    now: Date.now,
    random: Math.random
  }
  const policy: UpgradePolicy = { allowedOrigins: config.ALLOWED_ORIGINS, allowQueryToken: config.WS_ALLOW_QUERY_TOKEN }
  const authenticate = createHandshake({
    policy,
    sourceOf: request => sources.at(addressOf(request), Date.now()),
    verifyAccessToken,
    async verifyTicket (ticket) {
      const verification = await verifyTicket(ticket)
      const unavailable = verification.kind === 'unavailable'
      if (unavailable && !ticketsFail) log.warn({ err: verification.cause }, 'tickets cannot be looked up')
      ticketsFail = unavailable
      return verification
    },
    admit: admitUser,
    isDraining: () => draining,
    comesByProxy: ({ peer }) => isProxy(peer),
    isFull: () => registry.size >= maximumSockets,
    metrics,
    onRefused: (request, { reason }) => log.info({ event: 'socket.refused', requestId: request.requestId, reason, ip: addressOf(request) }, 'socket refused'),
    now: Date.now
  })
  registry.followRevocations(revocations, metrics)
  registry.followKeys(keys)
  measureSockets(meter, registry)

  const server = createUwsServer({
    maxMessageBytes: config.WS_MAX_MESSAGE_BYTES,
    slowConsumerBytes: config.WS_SLOW_CONSUMER_BYTES,
    requestIdOf: createRequestIds(config.TRUSTED_PROXIES),
    answer: (method, path, requestId) => answerHttp(method, path, requestId, () => ({ revocationsAreFresh: !feed.isStale(), draining })),
    authenticate,
    onOpen ({ principal, source }, transport, request) {
      const connection = new Connection(randomUUID(), principal, source, services, transport)
      source.socketOpened()
      registry.add(connection)
      connection.open()
      log.info({ event: 'socket.opened', connectionId: connection.id, requestId: request.requestId, userId: principal?.subject, sessionId: principal?.sessionId, ip: addressOf(request) }, 'socket opened')
      return connection
    },
    onMessage: (connection, bytes, isBinary) => connection.receive(bytes, isBinary),
    onControlFrame: connection => connection.receiveControlFrame(),
    onClosed (connection, code, reason, requestId) {
      const initiator = connection.state === 'closed' ? 'server' : code === 1006 ? 'network' : 'client'
      metrics.closed(code, initiator)
      connection.onSocketClosed()
      connection.source.socketClosed()
      registry.remove(connection)
      log.info({ event: 'socket.closed', connectionId: connection.id, requestId, code, initiator, reason: initiator === 'client' ? undefined : reason }, 'socket closed')
    }
  })

  return {
    async listen () {
      deadlines.start()
      await server.listen(config.HOST, config.PORT, config.WS_PROCESSES === 1)
    },
    async close () {
      draining = true                                 // whoever asks whether we are ready, and upgrades under way
      await sleep(config.WS_DRAIN_NOTICE.milliseconds)
      server.stopListening()
      await drainSockets(registry.all(), config.WS_DRAIN_TIMEOUT.milliseconds, Math.random)
      await sleep(CLOSE_FRAMES_NEED_MS)
      deadlines.stop()
      server.close()
    }
  }
}
