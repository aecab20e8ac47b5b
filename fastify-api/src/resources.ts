import {
  GenerationConfirmer, PostgresRevocationFeed, RevocationAnnouncer, RevocationSet, VerifiedTokens, checkPostgres, confirmGenerations, createAccessTokenVerifier, createMeter,
  createRevocationCarrier, measureRevocations, openPublicKeys, type Meter
} from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import type { AppResources } from './app.js'
import { createAccessTokenSigner, type SigningKey } from './auth/access-token-signer.js'
import { seedDemoAccount } from './auth/accounts.js'
import type { HashWorker } from './auth/hash-worker.js'
import { HashingPool } from './auth/hashing-pool.js'
import { createGuessBudgets } from './auth/guess-budgets.js'
import { createPasswordHasher } from './auth/passwords.js'
import { openPeppers } from './auth/peppers.js'
import { createSigningKeyNotes } from './auth/signing-key-notes.js'
import { openSigningKeys } from './auth/signing-keys.js'
import type { ApiConfig } from './config.js'
import { POOL_SIZES, createPool } from './db/pool.js'
import { createLimitKeys } from './limits/limit-key.js'
import { openLimitCounters } from './limits/open-limit-counters.js'
import { createApiMetrics } from './metrics.js'

// Expected when a login is let in. Hardly any waits longer than 1.5 s then, although some hashes take longer than those before them.
const LONGEST_HASHING_WAIT_MS = 1200

/**
 * Opens everything the API needs, in the order in which mistakes are cheapest to find: files, database, feed.
 * @param startHashWorkers what hashes passwords; ended with the other resources
 * @returns the resources, and how to close them after the app
 * @throws {StartupError} naming the setting to put right
 */
export async function openResources (
  config: ApiConfig, log: Logger, startHashWorkers: (log: Logger) => Promise<HashWorker[]>
): Promise<AppResources & { meter: Meter, close: () => Promise<void> }> {
  const accessTokenLifetimeMs = config.ACCESS_TOKEN_EXPIRY.milliseconds
  const revocations = new RevocationSet({ accessTokenLifetimeMs })
  const publicKeys = await openPublicKeys({ path: config.PUBLIC_KEY_PATH, accessTokenLifetimeMs, log })
  const token = { issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE }
  const lifetimeSeconds = config.ACCESS_TOKEN_EXPIRY.seconds
  const verifiedTokens = new VerifiedTokens({ verify: createAccessTokenVerifier({ keys: publicKeys, ...token, maxAge: lifetimeSeconds }), revocations })
  publicKeys.onChange(() => verifiedTokens.forgetAll())
  const signingKeys = await openSigningKeys(config.PRIVATE_KEY_PATH, publicKeys, log)
  const refreshTokenPeppers = await openPeppers('REFRESH_TOKEN_PEPPER_PATH', config.REFRESH_TOKEN_PEPPER_PATH, log)
  const passwordPeppers = await openPeppers('PASSWORD_PEPPER_PATH', config.PASSWORD_PEPPER_PATH, log)
  await checkPostgres('DATABASE_URL', config.DATABASE_URL)
  const listenUrl = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
  if (config.DATABASE_LISTEN_URL !== undefined) await checkPostgres('DATABASE_LISTEN_URL', listenUrl)

  const pool = createPool('fastify-api', config.DATABASE_URL, POOL_SIZES.api, log)
  const carrier = await createRevocationCarrier(config.REDIS_URL, log)
  const feed = new PostgresRevocationFeed({ connectionString: listenUrl, revocations, maxStalenessMs: config.REVOCATION_MAX_STALENESS.milliseconds, log, carrier })
  const meter = await createMeter(config.METRICS_PORT)
  measureRevocations(meter, { revocations, feed })
  await feed.start()
  const metrics = createApiMetrics(meter)
  const limits = await openLimitCounters(config.REDIS_URL, log, meter)
  const limitKeys = createLimitKeys(passwordPeppers)
  const confirmer = new GenerationConfirmer({ confirm: (ids, generations) => confirmGenerations(pool, ids, generations), log })

  const hashingPool = new HashingPool({ workers: await startHashWorkers(log), maxWaitMs: LONGEST_HASHING_WAIT_MS, meter })
  const passwords = await createPasswordHasher({
    algorithm: config.PASSWORD_HASH,
    bcryptCost: config.BCRYPT_COST,
    peppers: passwordPeppers,
    pool: hashingPool
  })
  if (config.SEED_DEMO_USER) await seedDemoAccount(pool, passwords)

  const noteSigningKey = createSigningKeyNotes(pool, log)
  const signingKey = (): SigningKey => {
    const key = signingKeys.current(Date.now())
    noteSigningKey(key.kid)
    return key
  }

  return {
    config,
    log,
    pool,
    publicKeys,
    signAccessToken: createAccessTokenSigner({ signingKey, ...token, lifetimeSeconds }),
    verifiedTokens,
    passwords,
    refreshTokenPeppers,
    passwordPeppers,
    revocations,
    announcer: new RevocationAnnouncer({ revocations, carrier }),
    feed,
    confirmer,
    counters: limits.counters,
    limitKeys,
    guessBudgets: createGuessBudgets({ counters: limits.counters, limitKeys, multiplier: config.RATE_LIMIT_MULTIPLIER, onLimited: metrics.rateLimited }),
    meter,
    metrics,
    async close () {
      for (const file of [publicKeys, signingKeys, refreshTokenPeppers, passwordPeppers]) file.close()
      limits.close()
      await hashingPool.close()
      await confirmer.close()
      await feed.close()
      await pool.end()
    }
  }
}
