import type { LoggerOptions } from 'pino'

/**
 * Where secrets travel; none of it may reach a log. Redaction is the second net: the first is that request
 * serialisers name what they log, and a URL is logged without its query.
 */
const SECRET_PATHS = [
  'password', 'accessToken', 'access', 'refreshToken', 'token', 'cookie', 'authorization',
  '*.password', '*.accessToken', '*.access', '*.refreshToken', '*.token', '*.cookie', '*.authorization',
  'req.headers', 'res.headers', 'err.config', 'err.parameters'
]

/** pino options shared by all processes: one JSON object a line, ISO instants, secrets removed. */
export function logOptions (name: string, level: string): LoggerOptions {
  return {
    name,
    level,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) }
  }
}

/** A request's path without its query, which may hold a token. */
export function pathOf (url: string): string {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}
