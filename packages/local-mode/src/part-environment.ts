import path from 'node:path'
import { defaultOrigins, parseDuration } from '@fastify-uws-auth/auth-contract'
import type { LocalModeSettings } from './settings.js'

/** A connection string for each part. */
export interface PartDatabases { api: string, worker: string, ws: string }

/** The environment of each part: what the user has set, completed by what local mode knows. */
export interface PartEnvironments { api: NodeJS.ProcessEnv, worker: NodeJS.ProcessEnv, ws: NodeJS.ProcessEnv }

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']
/** What only the API may know. */
const API_ONLY = ['PRIVATE_KEY_PATH', 'REFRESH_TOKEN_PEPPER_PATH', 'PASSWORD_PEPPER_PATH', 'SEED_DEMO_USER']
/** What the socket server, which meets every stranger, has no business with. */
const NOT_FOR_SOCKETS = [...API_ONLY, 'LOGIN_JWE_KEY_PATH', 'SMTP_URL', 'DATA_DIR', 'KEYS_DIR']

/** Builds what the parts see. A variable that is set but empty counts as not set. */
export function partEnvironments (settings: LocalModeSettings, env: NodeJS.ProcessEnv, databases: PartDatabases): PartEnvironments {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  // The embedded database is reached directly; an address for listening can only belong to another one.
  if (settings.DATABASE_URL === undefined) delete given['DATABASE_LISTEN_URL']
  const publicUrl = given['PUBLIC_URL'] ?? `http://localhost:${settings.API_PORT}`
  const local = isThisMachine(publicUrl)
  const key = (file: string) => path.join(settings.KEYS_DIR, file)

  const shared: NodeJS.ProcessEnv = {
    PUBLIC_KEY_PATH: key('public.pem'),
    ALLOWED_ORIGINS: local ? defaultOrigins(settings.API_PORT).join(',') : originOf(publicUrl),
    ...given,
    HOST: settings.HOST,
    DATA_DIR: settings.DATA_DIR,
    KEYS_DIR: settings.KEYS_DIR,
    PUBLIC_URL: publicUrl
  }
  const api: NodeJS.ProcessEnv = {
    PRIVATE_KEY_PATH: key('private.pem'),
    REFRESH_TOKEN_PEPPER_PATH: key('refresh-token.pepper'),
    PASSWORD_PEPPER_PATH: key('password.pepper'),
    WS_PUBLIC_URL: `ws://localhost:${settings.WS_PORT}/ws`,
    SEED_DEMO_USER: String(local),
    ...shared,
    PORT: String(settings.API_PORT),
    DATABASE_URL: databases.api
  }
  const worker: NodeJS.ProcessEnv = { ...without(shared, API_ONLY), DATABASE_URL: databases.worker }
  const ws: NodeJS.ProcessEnv = {
    ...accessTokenMaxAge(given['ACCESS_TOKEN_EXPIRY']),
    ...without(shared, NOT_FOR_SOCKETS),
    PORT: String(settings.WS_PORT),
    DATABASE_URL: databases.ws
  }
  return { api, worker, ws }
}

function without (env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

// Each part complains about its own settings; a mistake in another's must not stop it from saying so.
function accessTokenMaxAge (expiry: string | undefined): NodeJS.ProcessEnv {
  try {
    return expiry === undefined ? {} : { ACCESS_TOKEN_MAX_AGE: String(parseDuration(expiry).seconds) }
  } catch {
    return {}
  }
}

function isThisMachine (url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && LOCAL_HOSTS.includes(hostname)
}

function originOf (url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}
