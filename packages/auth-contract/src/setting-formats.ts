import { isIP } from 'node:net'
import { splitCommaList } from './comma-list.js'
import { DURATION, DURATION_OR_NEVER, parseDuration } from './duration.js'
import { parseOrigins } from './origins.js'

/** A comma-separated list of origins, for `format` in a settings schema. */
export const ORIGIN_LIST = 'origin-list'
/** A comma-separated list of addresses and networks. */
export const NETWORK_LIST = 'network-list'

/** The forms a setting's text can be asked to have, and how a mistake is told. */
export const SETTING_FORMATS: Record<string, { validate: (text: string) => boolean, requirement: string }> = {
  url: { validate: text => URL.canParse(text), requirement: 'must be a URL' },
  [DURATION]: { validate: isDuration, requirement: 'must be a duration such as 900, 20s, 15m or 7d' },
  [DURATION_OR_NEVER]: { validate: text => text === 'never' || isDuration(text), requirement: 'must be a duration such as 900, 20s, 15m or 7d' },
  [ORIGIN_LIST]: { validate: isOriginList, requirement: 'must be origins such as https://app.example.com, separated by commas, without paths' },
  [NETWORK_LIST]: { validate: text => splitCommaList(text).every(isNetwork), requirement: 'must be addresses or networks such as 10.0.0.0/8, separated by commas' }
}

/** True for what `parseDuration` reads. */
export function isDuration (text: string): boolean {
  return succeeds(() => parseDuration(text))
}

function isOriginList (text: string): boolean {
  return succeeds(() => parseOrigins(text))
}

function succeeds (parse: () => unknown): boolean {
  try { parse() } catch { return false }
  return true
}

function isNetwork (entry: string): boolean {
  const [, address = '', prefix = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
  const version = isIP(address)
  return version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128)
}
