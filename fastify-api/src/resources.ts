import { availableParallelism } from 'node:os'
import {
  GenerationConfirmer, PostgresRevocationFeed, RevocationSet, checkPostgres, confirmGenerations, createAccessTokenVerifier,
  loadPublicKeys
} from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import type { AppResources } from './app.js'
import { createAccessTokenSigner, loadSigningKey } from './auth/access-token-signer.js'
import { seedDemoAccount } from './auth/accounts.js'
import { HashingPool } from './auth/hashing-pool.js'
import { createPasswordHasher } from './auth/passwords.js'
import { loadPeppers } from './auth/peppers.js'
import type { ApiConfig } from './config.js'
import { createPool } from './db/pool.js'

const POOL_SIZE = 10
const LONGEST_HASHING_WAIT_MS = 1500

/**
 * Opens everything the API needs, in the order in which mistakes are cheapest to find: files, database, feed.
 * @returns the resources, and how to close them after the app
 * @throws {StartupError} naming the setting to put right
 */
export async function openResources (config: ApiConfig, log: Logger): Promise<AppResources & { close: () => Promise<void> }> {
  const publicKeys = await loadPublicKeys(config.PUBLIC_KEY_PATH)
  const signingKey = await loadSigningKey(config.PRIVATE_KEY_PATH, publicKeys)
  const refreshTokenPeppers = await loadPeppers('REFRESH_TOKEN_PEPPER_PATH', config.REFRESH_TOKEN_PEPPER_PATH)
  const passwordPeppers = await loadPeppers('PASSWORD_PEPPER_PATH', config.PASSWORD_PEPPER_PATH)
  await checkPostgres('DATABASE_URL', config.DATABASE_URL)
  const listenUrl = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
  if (config.DATABASE_LISTEN_URL !== undefined) await checkPostgres('DATABASE_LISTEN_URL', listenUrl)

  const pool = createPool('fastify-api', config.DATABASE_URL, POOL_SIZE, log)
  const revocations = new RevocationSet({ accessTokenLifetimeMs: config.ACCESS_TOKEN_EXPIRY.milliseconds })
  const feed = new PostgresRevocationFeed({ connectionString: listenUrl, revocations, maxStalenessMs: config.REVOCATION_MAX_STALENESS.milliseconds, log })
  await feed.start()
  const confirmer = new GenerationConfirmer({ confirm: (ids, generations) => confirmGenerations(pool, ids, generations), log })

  const token = { issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE }
  const lifetimeSeconds = config.ACCESS_TOKEN_EXPIRY.seconds
  const passwords = await createPasswordHasher({
    algorithm: config.PASSWORD_HASH,
    bcryptCost: config.BCRYPT_COST,
    peppers: passwordPeppers,
    pool: new HashingPool({ concurrency: Math.max(1, availableParallelism() - 1), maxWaitMs: LONGEST_HASHING_WAIT_MS })
  })
  if (config.SEED_DEMO_USER) await seedDemoAccount(pool, passwords)

  return {
    config,
    log,
    pool,
    publicKeys,
    signAccessToken: createAccessTokenSigner({ signingKey, ...token, lifetimeSeconds }),
    verifyAccessToken: createAccessTokenVerifier({ keys: publicKeys, ...token, maxAge: lifetimeSeconds }),
    passwords,
    refreshTokenPeppers,
    revocations,
    feed,
    confirmer,
    async close () {
      await confirmer.close()
      await feed.close()
      await pool.end()
    }
  }
}
