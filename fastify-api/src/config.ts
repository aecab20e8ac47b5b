import {
  DurationSetting, NETWORK_LIST, ORIGIN_LIST, SharedSettings, StartupError, Type, defaultOrigins, loadConfig, parseOrigins, splitCommaList
} from '@fastify-uws-auth/auth-contract'
import type { Static } from 'typebox'

const File = (name: string, description: string) => Type.String({ default: name, minLength: 1, description })

export const ApiConfig = Type.Object({
  ...SharedSettings,
  PORT: Type.Integer({ default: 3000, minimum: 1, maximum: 65_535, description: 'Port to listen on' }),
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of the api role' }),
  PRIVATE_KEY_PATH: File('keys/private.pem', 'Bundle of PEM private keys that sign access tokens, newest last'),
  REFRESH_TOKEN_PEPPER_PATH: File('keys/refresh-token.pepper', 'version:base64 lines, newest last'),
  PASSWORD_PEPPER_PATH: File('keys/password.pepper', 'version:base64 lines, newest last'),
  ACCESS_TOKEN_EXPIRY: DurationSetting({ default: '15m', minimum: '10s', maximum: '1h', description: 'Lifetime of an access token' }),
  REFRESH_TOKEN_EXPIRY: DurationSetting({ default: '7d', minimum: '10s', maximum: '90d', description: 'A session not refreshed for this long ends' }),
  SESSION_MAX_AGE: DurationSetting({ default: '30d', minimum: '10s', maximum: '400d', description: 'A session ends this long after sign-in, whatever happens' }),
  REFRESH_REPLAY_WINDOW: DurationSetting({ default: '10s', minimum: '0s', maximum: '5m', description: 'How long after a rotation the previous refresh token is answered with the current one; 0 turns it off' }),
  PUBLIC_URL: Type.String({ default: 'http://localhost:3000', format: 'url', description: 'Where browsers reach the API; decides cookies and what counts as production' }),
  WS_PUBLIC_URL: Type.Optional(Type.String({ format: 'url', description: 'Where browsers reach the socket server; by default /ws on PUBLIC_URL' })),
  ALLOWED_ORIGINS: Type.Optional(Type.String({ format: ORIGIN_LIST, description: 'Comma-separated origins; by default this machine on PORT, or PUBLIC_URL in production' })),
  TRUSTED_PROXIES: Type.Optional(Type.String({ format: NETWORK_LIST, description: 'Comma-separated addresses or networks of the proxies in front' })),
  PASSWORD_HASH: Type.Enum(['bcrypt', 'argon2id'], { default: 'bcrypt', description: 'Algorithm for new password hashes' }),
  BCRYPT_COST: Type.Integer({ default: 12, minimum: 4, maximum: 15, description: 'bcrypt cost; production refuses below 10' }),
  DRAIN_NOTICE: DurationSetting({ default: '1s', minimum: '0s', maximum: '1m', description: 'After SIGTERM /api/ready says 503 and every answer closes its connection this long before connections are no longer accepted. Longer than the proxy in front keeps an idle connection, no request can cross the end of one' }),
  SEED_DEMO_USER: Type.Boolean({ default: false, description: 'Creates the demo account; production refuses it' })
})

export interface ApiConfig extends Omit<Static<typeof ApiConfig>, 'ALLOWED_ORIGINS' | 'TRUSTED_PROXIES' | 'WS_PUBLIC_URL'> {
  ALLOWED_ORIGINS: string[]
  TRUSTED_PROXIES: string[]
  WS_PUBLIC_URL: string
  /** `PUBLIC_URL` is not plain http on this machine. Nothing else decides what environment this is. */
  production: boolean
}

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/**
 * Reads the API's settings.
 * @throws {StartupError} listing every mistake at once
 */
export function loadApiConfig (env: NodeJS.ProcessEnv): ApiConfig {
  const settings = loadConfig(ApiConfig, env)
  const publicUrl = new URL(settings.PUBLIC_URL)
  const production = publicUrl.protocol !== 'http:' || !LOCAL_HOSTS.includes(publicUrl.hostname)
  const mistakes: string[] = []
  if (production) {
    if (publicUrl.protocol !== 'https:') mistakes.push('PUBLIC_URL must be https, or http on localhost, 127.0.0.1 or [::1]')
    if (settings.SEED_DEMO_USER) mistakes.push('SEED_DEMO_USER: the demo account may not exist in production (PUBLIC_URL is not local)')
    if (settings.BCRYPT_COST < 10) mistakes.push('BCRYPT_COST must be >= 10 in production (PUBLIC_URL is not local)')
  }
  if (mistakes.length > 0) throw new StartupError(mistakes.join('\n'))
  const defaultAllowedOrigins = production ? [publicUrl.origin] : defaultOrigins(settings.PORT)
  return {
    ...settings,
    ALLOWED_ORIGINS: settings.ALLOWED_ORIGINS === undefined ? defaultAllowedOrigins : parseOrigins(settings.ALLOWED_ORIGINS),
    TRUSTED_PROXIES: splitCommaList(settings.TRUSTED_PROXIES ?? ''),
    WS_PUBLIC_URL: settings.WS_PUBLIC_URL ?? `${publicUrl.origin.replace(/^http/, 'ws')}/ws`,
    production
  }
}
