import { DurationSetting, NETWORK_LIST, ORIGIN_LIST, SharedSettings, Type, defaultOrigins, loadConfig, parseOrigins, splitCommaList } from '@fastify-uws-auth/auth-contract'
import type { Static } from 'typebox'
import type { ConnectionServices } from './connection-services.js'
import type { MessageLimits } from './message-limiter.js'
import type { SourceLimits } from './sources.js'
import type { Rate } from './token-bucket.js'

const DEFAULT_API_PORT = 3000
/** Of what an authenticated socket may send. */
const ANONYMOUS_SHARE = 0.25
const ANONYMOUS_MESSAGE_BYTES = 9216
/** Refusals by close code that one address gets a second, and at once. */
const CLOSE_CODES: Rate = { perSecond: 4, burst: 60 }

export const SocketConfig = Type.Object({
  ...SharedSettings,
  PORT: Type.Integer({ default: 3001, minimum: 1, maximum: 65_535, description: 'Port to listen on' }),
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of the ws role' }),
  ACCESS_TOKEN_MAX_AGE: DurationSetting({ default: '15m', minimum: '10s', maximum: '1h', description: 'Longest accepted life of an access token; at least the API\'s ACCESS_TOKEN_EXPIRY' }),
  ALLOWED_ORIGINS: Type.Optional(Type.String({ format: ORIGIN_LIST, description: 'Comma-separated origins of pages that may connect; by default this machine on port 3000' })),
  WS_PROCESSES: Type.Integer({ default: 1, minimum: 1, maximum: 64, description: 'Processes that share PORT; the kernel deals the connections out. One for each core' }),
  TRUSTED_PROXIES: Type.Optional(Type.String({ format: NETWORK_LIST, description: 'Comma-separated addresses or networks of the proxies in front' })),
  WS_ALLOW_QUERY_TOKEN: Type.Boolean({ default: true, description: 'Accept the access token as /ws?token=' }),
  WS_MAX_MESSAGE_BYTES: Type.Integer({ default: 16_384, minimum: 1024, maximum: 131_072, description: 'Longest message' }),
  WS_MESSAGE_RATE: Type.Number({ default: 20, exclusiveMinimum: 0, maximum: 1_000_000, description: 'Messages a second on one socket' }),
  WS_MESSAGE_BURST: Type.Integer({ default: 40, minimum: 1, maximum: 1_000_000, description: 'Messages at once on one socket' }),
  WS_REAUTH_INTERVAL: DurationSetting({ default: '5s', minimum: '1s', maximum: '5m', description: 'One reauth in this long on one socket' }),
  WS_REAUTH_BURST: Type.Integer({ default: 3, minimum: 1, maximum: 1000, description: 'Reauths at once on one socket' }),
  WS_AUTH_TIMEOUT: DurationSetting({ default: '10s', minimum: '1s', maximum: '5m', description: 'How long a socket that was opened without a credential may stay without one' }),
  WS_MAX_SOCKETS: Type.Integer({ default: 19_000, minimum: 1, maximum: 1_000_000, description: 'Open sockets of one process; at most as many as the system allows open files' }),
  WS_MAX_SOCKETS_PER_USER: Type.Integer({ default: 20, minimum: 1, maximum: 1_000_000, description: 'Open sockets of one user in one process' }),
  WS_MAX_SOCKETS_PER_ADDRESS: Type.Integer({ default: 200, minimum: 1, maximum: 1_000_000, description: 'Open sockets from one address (IPv6 by /64) in one process' }),
  WS_CONNECT_RATE: Type.Number({ default: 20, exclusiveMinimum: 0, maximum: 1_000_000, description: 'New sockets a second from one address in one process' }),
  WS_CONNECT_BURST: Type.Integer({ default: 50, minimum: 1, maximum: 1_000_000, description: 'New sockets at once from one address in one process' }),
  WS_FAILED_AUTH_RATE: Type.Number({ default: 10, exclusiveMinimum: 0, maximum: 1_000_000, description: 'Failed authentications a minute from one address in one process; then one more is allowed whenever its share of the minute has passed' }),
  WS_SLOW_CONSUMER_BYTES: Type.Integer({ default: 262_144, minimum: 65_536, maximum: 16_777_216, description: 'A socket whose reader lets more than this wait is closed' }),
  WS_DRAIN_NOTICE: DurationSetting({ default: '1s', minimum: '0s', maximum: '1m', description: 'After SIGTERM /ready says 503 this long before connections are no longer accepted, so that a load balancer looks elsewhere first' }),
  WS_DRAIN_TIMEOUT: DurationSetting({ default: '25s', minimum: '1s', maximum: '10m', description: 'Longest time for closing the open sockets after SIGTERM' })
})

export interface SocketConfig extends Omit<Static<typeof SocketConfig>, 'ALLOWED_ORIGINS' | 'TRUSTED_PROXIES'> {
  ALLOWED_ORIGINS: string[]
  TRUSTED_PROXIES: string[]
}

/**
 * Reads the socket server's settings.
 * @throws {StartupError} listing every mistake at once
 */
export function loadSocketConfig (env: NodeJS.ProcessEnv): SocketConfig {
  const { ALLOWED_ORIGINS: origins, TRUSTED_PROXIES: proxies, ...settings } = loadConfig(SocketConfig, env)
  return {
    ...settings,
    ALLOWED_ORIGINS: origins === undefined ? defaultOrigins(DEFAULT_API_PORT) : parseOrigins(origins),
    TRUSTED_PROXIES: splitCommaList(proxies ?? '')
  }
}

/** What one socket may do. RATE_LIMIT_MULTIPLIER raises the rates, not the sizes. */
export function connectionLimits (config: SocketConfig): ConnectionServices['limits'] {
  const multiplier = config.RATE_LIMIT_MULTIPLIER
  return {
    maxMessageBytes: config.WS_MAX_MESSAGE_BYTES,
    slowConsumerBytes: config.WS_SLOW_CONSUMER_BYTES,
    authTimeoutMs: config.WS_AUTH_TIMEOUT.milliseconds,
    messages: multiply({ perSecond: config.WS_MESSAGE_RATE, burst: config.WS_MESSAGE_BURST }, multiplier),
    reauths: multiply({ perSecond: 1 / config.WS_REAUTH_INTERVAL.seconds, burst: config.WS_REAUTH_BURST }, multiplier)
  }
}

/** What a socket may do that has not said who it is: ping, and send one access token, for which there are 8 KB. */
export function anonymousLimits (config: SocketConfig): MessageLimits {
  const { messages, ...limits } = connectionLimits(config)
  const rate = { perSecond: messages.perSecond * ANONYMOUS_SHARE, burst: Math.max(1, Math.ceil(messages.burst * ANONYMOUS_SHARE)) }
  return { ...limits, messages: rate, maxMessageBytes: Math.min(limits.maxMessageBytes, ANONYMOUS_MESSAGE_BYTES) }
}

/** What one address may do. RATE_LIMIT_MULTIPLIER raises the rates, not the number of open sockets. */
export function sourceLimits (config: SocketConfig): SourceLimits {
  const multiplier = config.RATE_LIMIT_MULTIPLIER
  return {
    sockets: config.WS_MAX_SOCKETS_PER_ADDRESS,
    connects: multiply({ perSecond: config.WS_CONNECT_RATE, burst: config.WS_CONNECT_BURST }, multiplier),
    closeCodes: multiply(CLOSE_CODES, multiplier),
    failures: multiply({ perSecond: config.WS_FAILED_AUTH_RATE / 60, burst: Math.ceil(config.WS_FAILED_AUTH_RATE) }, multiplier)
  }
}

// A burst below one would refuse everything for ever.
function multiply ({ perSecond, burst }: Rate, multiplier: number): Rate {
  return { perSecond: perSecond * multiplier, burst: Math.max(1, burst * multiplier) }
}
