import { DurationSetting, ORIGIN_LIST, SharedSettings, defaultOrigins, loadConfig, parseOrigins } from '@fastify-uws-auth/auth-contract'
import Type, { type Static } from 'typebox'

const DEFAULT_API_PORT = 3000

export const SocketConfig = Type.Object({
  ...SharedSettings,
  PORT: Type.Integer({ default: 3001, minimum: 1, maximum: 65_535, description: 'Port to listen on' }),
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of the ws role' }),
  ACCESS_TOKEN_MAX_AGE: DurationSetting({ default: '15m', minimum: '10s', maximum: '1h', description: 'Longest accepted life of an access token; at least the API\'s ACCESS_TOKEN_EXPIRY' }),
  ALLOWED_ORIGINS: Type.Optional(Type.String({ format: ORIGIN_LIST, description: 'Comma-separated origins of pages that may connect; by default this machine on port 3000' })),
  WS_PROCESSES: Type.Integer({ default: 1, minimum: 1, maximum: 64, description: 'Processes that share PORT; the kernel deals the connections out. One for each core' }),
  WS_ALLOW_QUERY_TOKEN: Type.Boolean({ default: true, description: 'Accept the access token as /ws?token=' }),
  WS_MAX_MESSAGE_BYTES: Type.Integer({ default: 16_384, minimum: 1024, maximum: 131_072, description: 'Longest message' }),
  WS_MESSAGE_RATE: Type.Number({ default: 20, exclusiveMinimum: 0, maximum: 1_000_000, description: 'Messages a second on one socket' }),
  WS_MESSAGE_BURST: Type.Integer({ default: 40, minimum: 1, maximum: 1_000_000, description: 'Messages at once on one socket' }),
  WS_REAUTH_INTERVAL: DurationSetting({ default: '5s', minimum: '1s', maximum: '5m', description: 'One reauth in this long on one socket' }),
  WS_REAUTH_BURST: Type.Integer({ default: 3, minimum: 1, maximum: 1000, description: 'Reauths at once on one socket' })
})

export interface SocketConfig extends Omit<Static<typeof SocketConfig>, 'ALLOWED_ORIGINS'> {
  ALLOWED_ORIGINS: string[]
}

/**
 * Reads the socket server's settings.
 * @throws {StartupError} listing every mistake at once
 */
export function loadSocketConfig (env: NodeJS.ProcessEnv): SocketConfig {
  const { ALLOWED_ORIGINS: origins, ...settings } = loadConfig(SocketConfig, env)
  return { ...settings, ALLOWED_ORIGINS: origins === undefined ? defaultOrigins(DEFAULT_API_PORT) : parseOrigins(origins) }
}
