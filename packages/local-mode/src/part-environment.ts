import path from 'node:path'
import { defaultOrigins, parseDuration, settingsInFiles } from '@fastify-uws-auth/auth-contract'
import { ApiConfig } from '@fastify-uws-auth/fastify-api/config'
import { WorkerConfig } from '@fastify-uws-auth/fastify-api/worker-config'
import { SocketConfig } from '@fastify-uws-auth/uws-server/config'
import type { TObject } from 'typebox'
import { metricsPorts, type LocalModeSettings } from './settings.js'

/** A connection string for each part. */
export interface PartDatabases { api: string, worker: string, ws: string }

/** The environment of each part: what the user has set, completed by what local mode knows. */
export interface PartEnvironments { api: NodeJS.ProcessEnv, worker: NodeJS.ProcessEnv, ws: NodeJS.ProcessEnv }

const LOOPBACK = ['127.0.0.1', '::1', 'localhost']
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']
/** What Node.js, its libraries and the system read; no password of the shell is among them. */
const PROCESS_VARIABLE = /^(PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|NODE_\w+|UV_\w+|UWS_\w+|MALLOC_\w+|SSL_CERT_\w+|PGSSL\w+)$/

/** Builds what the parts see. A variable that is set but empty counts as not set. */
export function partEnvironments (settings: LocalModeSettings, env: NodeJS.ProcessEnv, databases: PartDatabases): PartEnvironments {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  // The embedded database is reached directly; an address for listening can only belong to another one.
  if (settings.DATABASE_URL === undefined) for (const name of ['DATABASE_LISTEN_URL', 'DATABASE_LISTEN_URL_FILE']) delete given[name]
  delete given['DATABASE_URL_FILE']           // read already: each part is told its own database
  const publicUrl = given['PUBLIC_URL'] ?? `http://localhost:${settings.API_PORT}`
  const local = isThisMachine(publicUrl)
  const metrics = metricsPorts(settings).map(port => ({ METRICS_PORT: String(port) }))
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
    ...local ? { WS_PUBLIC_URL: `ws://localhost:${settings.WS_PORT}/ws`, DRAIN_NOTICE: '0s' } : {},
    // Its password is published: not for a network, and not into a database that may have a real user of that name.
    SEED_DEMO_USER: String(local && LOOPBACK.includes(settings.HOST) && settings.DATABASE_URL === undefined),
    ...shared,
    ...metrics[0],
    PORT: String(settings.API_PORT),
    DATABASE_URL: databases.api
  }
  const worker: NodeJS.ProcessEnv = { MAIL_DIR: path.join(settings.DATA_DIR, 'mail'), ...shared, ...metrics[1], DATABASE_URL: databases.worker }
  const ws: NodeJS.ProcessEnv = {
    ...local ? { WS_DRAIN_NOTICE: '0s' } : {},
    ...accessTokenMaxAge(given['ACCESS_TOKEN_EXPIRY']),
    ...shared,
    ...metrics[2],
    PORT: String(settings.WS_PORT),
    DATABASE_URL: databases.ws
  }
  return { api: only(ApiConfig, api), worker: only(WorkerConfig, worker), ws: only(SocketConfig, ws) }
}

// Each part gets its own settings and nothing else: the socket server meets every stranger and keeps no secrets.
function only (schema: TObject, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set([...Object.keys(schema.properties), ...settingsInFiles(schema).map(name => `${name}_FILE`)])
  return Object.fromEntries(Object.entries(env).filter(([name]) => names.has(name) || PROCESS_VARIABLE.test(name)))
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
