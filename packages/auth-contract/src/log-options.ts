import type { LoggerOptions } from 'pino'

/**
 * Where secrets travel; none of it may reach a log. Redaction is the second net: the first is that request
 * serialisers name what they log, and a URL is logged without its query.
 */
const SECRET_NAMES = ['password', 'accessToken', 'access', 'refreshToken', 'deviceCookie', 'token', 'ticket', 'cookie', 'set-cookie', 'authorization']
const SECRET_PATHS = [
  ...SECRET_NAMES.flatMap(name => [`["${name}"]`, `*["${name}"]`]),
  'req.headers', 'res.headers', 'err.config', 'err.parameters', 'url', '*.url'
]

/** pino options shared by all processes: one JSON object a line, ISO instants, secrets removed. */
export function logOptions (name: string, level: string): LoggerOptions {
  return {
    name,
    level,
    redact: { paths: SECRET_PATHS, censor },
    serializers: { err: serializeError },
    timestamp: createTimestamp(),
    formatters: { level: label => ({ level: label }) }
  }
}

// A busy process writes many lines in a millisecond, and formatting an instant takes as long as the rest of a line.
function createTimestamp (): () => string {
  let formatted = { now: 0, text: '' }
  return () => {
    const now = Date.now()
    if (formatted.now !== now) formatted = { now, text: `,"time":"${new Date(now).toISOString()}"` }
    return formatted.text
  }
}

// Only what is named: libraries hang whole connections on their errors, with keys and addresses in them.
function serializeError (err: unknown): unknown {
  if (!(err instanceof Error)) return err
  const { name, message, stack, code, cause } = err as NodeJS.ErrnoException
  return { type: name, message, ...code === undefined ? {} : { code }, stack, ...cause === undefined ? {} : { cause: serializeError(cause) } }
}

function censor (value: unknown, path: string[]): string {
  return path.at(-1) === 'url' && typeof value === 'string' ? pathOf(value) : '[redacted]'
}

/** A request's path without its query, which may hold a token. */
export function pathOf (url: string): string {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}
