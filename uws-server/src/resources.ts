import {
  GenerationConfirmer, PostgresRevocationFeed, RevocationSet, VerifiedTokens, checkPostgres, confirmGenerations, createAccessTokenVerifier, createMeter,
  createRevocationCarrier, measureRevocations, openPublicKeys
} from '@fastify-uws-auth/auth-contract'
import pg from 'pg'
import type { Logger } from 'pino'
import type { SocketConfig } from './config.js'
import { consumeWsTicket } from './db/consume-ws-ticket.js'
import { touchPresence } from './db/touch-presence.js'
import { Presence } from './presence.js'
import type { SocketResources } from './socket-server.js'
import { createTicketVerifier } from './tickets.js'

// Tokens come back when sockets reconnect and when one user has several; memory is for the sockets.
const REMEMBERED_TOKENS = 1000
// Two statements a second beside the tickets, for which handshakes wait; whatever blocks must not pile up.
export const POOL_LIMITS = { max: 4, connectionTimeoutMillis: 3000, lock_timeout: 2000, statement_timeout: 5000, query_timeout: 6000 }

/**
 * Opens what the socket server needs, in the order in which mistakes are cheapest to find: files, database, feed.
 * @throws {StartupError} naming the setting to put right
 */
export async function openResources (config: SocketConfig, log: Logger): Promise<SocketResources & { close: () => Promise<void> }> {
  const accessTokenLifetimeMs = config.ACCESS_TOKEN_MAX_AGE.milliseconds
  const revocations = new RevocationSet({ accessTokenLifetimeMs })
  const keys = await openPublicKeys({ path: config.PUBLIC_KEY_PATH, accessTokenLifetimeMs, log })
  const verifiedTokens = new VerifiedTokens({
    verify: createAccessTokenVerifier({ keys, issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE, maxAge: config.ACCESS_TOKEN_MAX_AGE.seconds }),
    revocations,
    maximum: REMEMBERED_TOKENS
  })
  keys.onChange(() => verifiedTokens.forgetAll())
  await checkPostgres('DATABASE_URL', config.DATABASE_URL)
  const listenUrl = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
  if (config.DATABASE_LISTEN_URL !== undefined) await checkPostgres('DATABASE_LISTEN_URL', listenUrl)

  const pool = new pg.Pool({ connectionString: config.DATABASE_URL, application_name: 'uws-server', ...POOL_LIMITS })
  pool.on('error', err => log.error({ err }, 'an idle PostgreSQL connection was lost'))
  const carrier = await createRevocationCarrier(config.REDIS_URL, log)
  const feed = new PostgresRevocationFeed({ connectionString: listenUrl, revocations, maxStalenessMs: config.REVOCATION_MAX_STALENESS.milliseconds, log, carrier })
  const meter = await createMeter(config.METRICS_PORT)
  measureRevocations(meter, { revocations, feed })
  await feed.start()
  const confirmer = new GenerationConfirmer({ confirm: (ids, generations) => confirmGenerations(pool, ids, generations), log })
  const presence = new Presence({ touch: (processId, opened, closed) => touchPresence(pool, processId, opened, closed), log })
  presence.start()

  return {
    config,
    log,
    keys,
    verifyAccessToken: accessToken => verifiedTokens.verify(accessToken),
    verifyTicket: createTicketVerifier({ consume: hash => consumeWsTicket(pool, hash), issuer: config.JWT_ISSUER }),
    revocations,
    feed,
    confirmer,
    presence,
    meter,
    async close () {
      keys.close()
      await presence.close()
      await confirmer.close()
      await feed.close()
      await pool.end()
    }
  }
}
