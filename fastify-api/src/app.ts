import type { GenerationConfirmer, PublicKeys, RevocationAnnouncer, RevocationFeed, RevocationSet, VerifiedTokens } from '@fastify-uws-auth/auth-contract'
import cookies from '@fastify/cookie'
import cors from '@fastify/cors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type pg from 'pg'
import type { AccessTokenSigner } from './auth/access-token-signer.js'
import type { GuessBudgets } from './auth/guess-budgets.js'
import type { PasswordHasher } from './auth/passwords.js'
import type { PepperFile } from './auth/peppers.js'
import type { ApiConfig } from './config.js'
import { createDeviceCookie } from './device-cookie.js'
import type { LimitCounters } from './limits/limit-counters.js'
import type { LimitKeys } from './limits/limit-key.js'
import type { ApiMetrics } from './metrics.js'
import allowedOrigin from './plugins/allowed-origin.js'
import bearer from './plugins/bearer.js'
import draining from './plugins/draining.js'
import errorHandler from './plugins/error-handler.js'
import jsonBody, { BODY_LIMIT } from './plugins/json-body.js'
import notFound from './plugins/not-found.js'
import rateLimit, { RATE_LIMIT_HEADERS } from './plugins/rate-limit.js'
import requestLog from './plugins/request-log.js'
import requestMetrics from './plugins/request-metrics.js'
import securityHeaders from './plugins/security-headers.js'
import { answerBadUrl, answerClientError } from './plugins/unreadable-requests.js'
import { createRefreshCookie } from './refresh-cookie.js'
import { createRequestIds } from './request-ids.js'
import { demoPageRoute } from './routes/demo-page.js'
import { devicesRoutes } from './routes/devices.js'
import { healthRoutes } from './routes/health.js'
import { historyRoute } from './routes/history.js'
import { jwksRoute } from './routes/jwks.js'
import { loginRoute } from './routes/login.js'
import { logoutRoute } from './routes/logout.js'
import { meRoute } from './routes/me.js'
import { protectedRoute } from './routes/protected.js'
import { reauthenticateRoute } from './routes/reauthenticate.js'
import { refreshRoute } from './routes/refresh.js'
import { sessionsRoutes } from './routes/sessions.js'
import { wsTicketRoute } from './routes/ws-ticket.js'

declare module 'fastify' {
  interface FastifyInstance { pool: pg.Pool }
}

/** What the entry file opens and closes; the app only uses it. */
export interface AppResources {
  config: ApiConfig
  log: FastifyBaseLogger
  pool: pg.Pool
  publicKeys: PublicKeys
  signAccessToken: AccessTokenSigner
  verifiedTokens: VerifiedTokens
  passwords: PasswordHasher
  refreshTokenPeppers: PepperFile
  passwordPeppers: PepperFile
  revocations: RevocationSet
  announcer: RevocationAnnouncer
  feed: RevocationFeed
  confirmer: GenerationConfirmer
  counters: LimitCounters
  limitKeys: LimitKeys
  guessBudgets: GuessBudgets
  metrics: ApiMetrics
}

// No limit for an answer: all that it waits for ends by itself. Fastify's `handlerTimeout` would end with the body of the request, before the work begins.
/** Milliseconds: for a request to arrive, for anything to move on a connection meanwhile, for the next one on a kept connection (longer than a proxy keeps it). */
export const TIMEOUTS = { requestTimeout: 10_000, connectionTimeout: 30_000, keepAliveTimeout: 72_000 }

/** The table of contents of the API. */
export async function buildApp (resources: AppResources): Promise<FastifyInstance> {
  const { config, log, pool, publicKeys, signAccessToken, passwords, refreshTokenPeppers: peppers, revocations, announcer, feed, metrics } = resources
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: createRequestIds(config.TRUSTED_PROXIES),
    trustProxy: config.TRUSTED_PROXIES.length > 0 ? config.TRUSTED_PROXIES : false,
    bodyLimit: BODY_LIMIT,
    ...TIMEOUTS,
    return503OnClosing: false,                        // see plugins/draining.ts
    http: { connectionsCheckingInterval: 1000 },      // how exactly requestTimeout is kept
    routerOptions: { maxParamLength: 100 },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerBadUrl,
    // Nothing is coerced or silently dropped: what does not fit the schema is refused.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } }
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.decorate('pool', pool)

  // What every request passes through.
  await app.register(draining, { noticeMs: config.DRAIN_NOTICE.milliseconds })
  await app.register(requestLog)
  await app.register(requestMetrics, { metrics })
  await app.register(errorHandler)
  await app.register(securityHeaders, { https: config.PUBLIC_URL.startsWith('https:') })
  await app.register(cors, { origin: config.ALLOWED_ORIGINS, credentials: true, methods: ['GET', 'HEAD', 'POST', 'DELETE'], exposedHeaders: RATE_LIMIT_HEADERS, maxAge: 600, strictPreflight: false })
  await app.register(rateLimit, { multiplier: config.RATE_LIMIT_MULTIPLIER, counters: resources.counters, limitKeys: resources.limitKeys, onLimited: () => metrics.rateLimited('route') })
  await app.register(jsonBody)
  await app.register(notFound)
  await app.register(cookies)

  // What routes ask for.
  await app.register(allowedOrigin, { allowedOrigins: config.ALLOWED_ORIGINS })
  await app.register(bearer, { tokens: resources.verifiedTokens, revocations, feed, confirmer: resources.confirmer })
  if (!config.production) await app.register(import('./plugins/openapi.js'), { publicUrl: config.PUBLIC_URL })   // its libraries are loaded nowhere else

  const cookie = createRefreshCookie(config.PUBLIC_URL)
  const idleLifetimeMs = config.REFRESH_TOKEN_EXPIRY.milliseconds
  await app.register(async api => {
    await api.register(loginRoute, { signInContext: { pool, passwords, peppers, passwordPeppers: resources.passwordPeppers, guessBudgets: resources.guessBudgets, announcer, maxAgeMs: config.SESSION_MAX_AGE.milliseconds, idleLifetimeMs }, cookie, deviceCookie: createDeviceCookie(config.PUBLIC_URL), signAccessToken, metrics })
    await api.register(refreshRoute, { sharedRefreshContext: { refreshContext: { pool, peppers, replayWindowMs: config.REFRESH_REPLAY_WINDOW.milliseconds, idleLifetimeMs }, signAccessToken, announcer }, cookie, metrics })
    await api.register(logoutRoute, { signOutContext: { pool, peppers, announcer }, cookie })
    await api.register(sessionsRoutes, { sessionsContext: { pool, announcer } })
    await api.register(devicesRoutes, { devicesContext: { pool, announcer } })
    await api.register(reauthenticateRoute, { reauthenticateContext: { pool, passwords, passwordPeppers: resources.passwordPeppers, guessBudgets: resources.guessBudgets } })
    await api.register(wsTicketRoute, { wsTicketsContext: { pool } })
    await api.register(protectedRoute)
    await api.register(meRoute)
    await api.register(historyRoute, { historyContext: { pool } })
    await api.register(healthRoutes, { feed })
    await api.register(jwksRoute, { publicKeys })
  }, { prefix: '/api' })
  await app.register(jwksRoute, { publicKeys })
  await app.register(demoPageRoute, { webSocketUrl: config.WS_PUBLIC_URL })
  app.refuseOtherMethods()
  return app
}
