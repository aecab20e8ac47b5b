import type { RevocationReason } from './revocation.js'

/** Longest `id` of a message, in characters. */
const MAXIMUM_ID_LENGTH = 64
/** Deepest payload. The 8,000 levels that fit a message would exhaust the stack when they are written again. */
const MAXIMUM_DEPTH = 64

export type ClientMessage =
  | { type: 'ping', id?: string }
  | { type: 'auth' | 'reauth', id?: string, access: string }
  | { type: 'echo', id?: string, payload: unknown }
  | { type: 'bye', id?: string }

/** `not_json` and `malformed` differ: the first closes the socket, the second is answered. */
export type ParsedFrame =
  | { kind: 'message', message: ClientMessage }
  | { kind: 'malformed', id?: string, detail: string }
  | { kind: 'not_json' }

/** Reads one text frame. Unknown fields are ignored. Never throws. */
export function parseClientFrame (text: string): ParsedFrame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'not_json' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'malformed', detail: 'a message is a JSON object' }
  const { type, id, access, payload } = value as Record<string, unknown>
  if (id !== undefined && (typeof id !== 'string' || id.length > MAXIMUM_ID_LENGTH)) {
    return { kind: 'malformed', detail: `id must be a string of at most ${MAXIMUM_ID_LENGTH} characters` }
  }
  const correlation = id === undefined ? {} : { id }
  switch (type) {
    case 'ping':
    case 'bye':
      return { kind: 'message', message: { type, ...correlation } }
    case 'echo':
      if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return { kind: 'malformed', ...correlation, detail: 'echo needs a payload object' }
      if (isDeeperThan(MAXIMUM_DEPTH, payload)) return { kind: 'malformed', ...correlation, detail: `a payload has at most ${MAXIMUM_DEPTH} levels` }
      return { kind: 'message', message: { type, ...correlation, payload } }
    case 'auth':
    case 'reauth':
      if (typeof access !== 'string') return { kind: 'malformed', ...correlation, detail: `${type} needs an access string` }
      return { kind: 'message', message: { type, ...correlation, access } }
    default:
      return { kind: 'malformed', ...correlation, detail: 'unknown message type' }
  }
}

function isDeeperThan (levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(inner => isDeeperThan(levels - 1, inner))
}

/** Words of `error` frames; those that HTTP has too mean the same. */
export type FrameErrorCode =
  | 'invalid_request' | 'invalid_token' | 'token_expired' | 'identity_mismatch' | 'rate_limited'
  | 'payload_too_large' | 'unsupported_data' | 'temporarily_unavailable' | 'auth_timeout'

export type ServerMessage =
  | { type: 'connected', payload: { connectionId: string, userId: string, sessionId: string, expiresAt: string, expiresInMs: number, serverTime: string } }
  | { type: 'connected', payload: { connectionId: string, anonymous: true } }
  | { type: 'token_expiring', payload: { expiresAt: string, expiresInMs: number } }
  | { type: 'reauth_success', payload: { userId: string, expiresAt: string, expiresInMs: number, unchanged?: true } }
  | { type: 'session_revoked', payload: { reason: RevocationReason } }
  | { type: 'server_draining', payload: { reconnectWithinMs: number } }
  | { type: 'pong', payload: { t: number } }
  | { type: 'echo', payload: unknown }
  | { type: 'error', payload: { code: FrameErrorCode, message: string, retryable: boolean, fatal: boolean } }

/** The text of one frame; `id` repeats the one of the message it answers. */
export function serializeFrame (message: ServerMessage, id?: string): string {
  const { type, payload } = message
  return JSON.stringify(id === undefined ? { type, payload } : { type, id, payload })
}
