import { isIP } from 'node:net'
import { splitCommaList } from './comma-list.js'
import { DURATION, DURATION_OR_NEVER, parseDuration } from './duration.js'
import { parseOrigins } from './origins.js'

/** A comma-separated list of origins, for `format` in a settings schema. */
export const ORIGIN_LIST = 'origin-list'
/** A comma-separated list of addresses and networks. */
export const NETWORK_LIST = 'network-list'

/** A connection string of Redis. */
export const REDIS_URL = 'redis-url'
/** Where RabbitMQ is. */
export const AMQP_URL = 'amqp-url'
/** Where a mail server is. */
export const SMTP_URL = 'smtp-url'
/** One e-mail address without a name. */
export const MAIL_ADDRESS = 'mail-address'

interface SettingFormat {
  validate: (text: string) => boolean
  /** How a mistake is told. */
  requirement: string
  /** A text of this form can hold a password, so the setting may also be given as the file `NAME_FILE`. */
  holdsPassword?: true
}

/** The forms a setting's text can be asked to have. */
export const SETTING_FORMATS: Record<string, SettingFormat> = {
  'postgres-url': { validate: text => /^postgres(ql)?:/.test(text) && URL.canParse(text), requirement: 'must be a connection string such as postgres://user:password@host:5432/database', holdsPassword: true },
  url: { validate: text => URL.canParse(text), requirement: 'must be a URL' },
  [REDIS_URL]: { validate: isRedisUrl, requirement: 'must be a URL such as redis://user:password@host:6379 or rediss://host:6379', holdsPassword: true },
  [AMQP_URL]: { validate: isAmqpUrl, requirement: 'must be a URL such as amqp://user:password@host:5672/vhost or amqps://host', holdsPassword: true },
  [SMTP_URL]: { validate: isSmtpUrl, requirement: 'must be a URL such as smtp://user:password@host:587 or smtps://host:465, with nothing after the port', holdsPassword: true },
  [MAIL_ADDRESS]: { validate: text => /^[!#$%&'*+/=?^_`{|}~.a-z0-9-]+@[a-z0-9.-]+$/i.test(text), requirement: 'must be an e-mail address such as no-reply@example.com' },
  [DURATION]: { validate: isDuration, requirement: 'must be a duration such as 900, 20s, 15m or 7d' },
  [DURATION_OR_NEVER]: { validate: text => text === 'never' || isDuration(text), requirement: 'must be a duration such as 900, 20s, 15m or 7d' },
  [ORIGIN_LIST]: { validate: isOriginList, requirement: 'must be origins such as https://app.example.com, separated by commas, without paths' },
  [NETWORK_LIST]: { validate: text => splitCommaList(text).every(isNetwork), requirement: 'must be addresses or networks such as 10.0.0.0/8, separated by commas' }
}

/** True for what `parseDuration` reads. */
export function isDuration (text: string): boolean {
  return succeeds(() => parseDuration(text))
}

function isRedisUrl (text: string): boolean {
  return URL.canParse(text) && ['redis:', 'rediss:'].includes(new URL(text).protocol)
}

function isAmqpUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return ['amqp:', 'amqps:'].includes(protocol) && hostname !== ''
}

// Nothing that would quietly mean something else: half a pair of credentials, an option, an escape that is none.
function isSmtpUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, pathname, search, hash } = new URL(text)
  return ['smtp:', 'smtps:'].includes(protocol) && hostname !== '' && ['', '/'].includes(pathname) && search + hash === '' &&
    (username === '') === (password === '') && succeeds(() => decodeURIComponent(username + password))
}

function isOriginList (text: string): boolean {
  return succeeds(() => parseOrigins(text))
}

function succeeds (parse: () => unknown): boolean {
  try { parse() } catch { return false }
  return true
}

function isNetwork (entry: string): boolean {
  const [, address = '', prefix = '1'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
  const version = isIP(address)
  // Trusting everybody is never meant.
  return version !== 0 && Number(prefix) >= 1 && Number(prefix) <= (version === 4 ? 32 : 128)
}
