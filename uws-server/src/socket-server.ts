import { randomUUID } from 'node:crypto'
import { CLOSE, type AccessTokenVerifier, type GenerationConfirmer, type PublicKeyFile, type RevocationFeed, type RevocationSet } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import { admit, refuse } from './admission.js'
import type { SocketConfig } from './config.js'
import { Connection, type ConnectionServices } from './connection.js'
import { DeadlineWheel } from './deadline-wheel.js'
import { answerHttp } from './operations.js'
import { SocketRegistry } from './socket-registry.js'
import { comesFromAllowedPage, readCredential, type UpgradePolicy } from './upgrade.js'
import { createUwsServer } from './uws-adapter.js'

const RECONNECT_WITHIN_MS = 5000
const CLOSE_FRAMES_NEED_MS = 250

export interface SocketResources {
  config: SocketConfig
  log: Logger
  keys: PublicKeyFile
  verifyAccessToken: AccessTokenVerifier
  revocations: RevocationSet
  feed: RevocationFeed
  confirmer: GenerationConfirmer
}

export interface SocketServer {
  /** @throws {Error} when the port cannot be had */
  listen (): Promise<void>
  /** Tells every client to reconnect elsewhere, closes with 1012, and resolves when that is on its way. */
  close (): Promise<void>
}

/** Puts the parts of the socket server together: admission, connections, registry, deadlines. */
export function createSocketServer ({ config, log, keys, verifyAccessToken, revocations, feed, confirmer }: SocketResources): SocketServer {
  const registry = new SocketRegistry()
  const deadlines = new DeadlineWheel(Date.now)
  const isStale = () => feed.isStale()
  let draining = false
  const services: ConnectionServices = {
    verify: verifyAccessToken,
    revocations,
    isStale,
    knowsKey: keyId => keys.byKid.has(keyId),
    observe: (sessionId, generation) => confirmer.observe(sessionId, generation),
    deadlines,
    limits: messageLimits(config),
    now: Date.now,
    random: Math.random
  }
  const policy: UpgradePolicy = { allowedOrigins: config.ALLOWED_ORIGINS, allowQueryToken: config.WS_ALLOW_QUERY_TOKEN }
  registry.followRevocations(revocations)
  registry.followKeys(keys)

  const server = createUwsServer({
    maxMessageBytes: config.WS_MAX_MESSAGE_BYTES,
    refusesWithCloseCode: request => comesFromAllowedPage(request, policy),
    answer: (method, path) => answerHttp(method, path, isStale),
    async authenticate (request) {
      const decision = readCredential(request, policy)
      if (decision.kind === 'refused') return () => decision
      const verification = await verifyAccessToken(decision.accessToken)
      if (verification.kind === 'refused') log.debug({ reason: verification.reason }, 'access token refused at connect')
      return () => draining ? refuse('temporarily_unavailable', CLOSE.serviceRestart, 'service restart') : admit(verification, services)
    },
    onOpen (principal, transport) {
      const connection = new Connection(randomUUID(), principal, services, transport)
      registry.add(connection)
      connection.open()
      log.debug({ connectionId: connection.id, sid: principal.sessionId }, 'socket opened')
      return {
        onMessage: (bytes, isBinary) => connection.receive(bytes, isBinary),
        onClosed (code, reason) {
          registry.remove(connection)
          connection.onSocketClosed()
          log.debug({ connectionId: connection.id, code, reason }, 'socket closed')
        }
      }
    }
  })

  return {
    async listen () {
      deadlines.start()
      await server.listen(config.HOST, config.PORT)
    },
    async close () {
      server.stopListening()
      draining = true                                 // upgrades under way, or on connections that are kept alive
      for (const connection of registry.all()) connection.drain(RECONNECT_WITHIN_MS)
      await new Promise(resolve => setTimeout(resolve, CLOSE_FRAMES_NEED_MS))
      deadlines.stop()
      server.close()
    }
  }
}

function messageLimits (config: SocketConfig): ConnectionServices['limits'] {
  const multiplier = config.RATE_LIMIT_MULTIPLIER
  return {
    maxMessageBytes: config.WS_MAX_MESSAGE_BYTES,
    messages: { perSecond: config.WS_MESSAGE_RATE * multiplier, burst: config.WS_MESSAGE_BURST * multiplier },
    reauths: { perSecond: multiplier / config.WS_REAUTH_INTERVAL.seconds, burst: config.WS_REAUTH_BURST * multiplier }
  }
}
