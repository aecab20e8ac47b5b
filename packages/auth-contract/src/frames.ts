import type { RevocationReason } from './revocation.js'

/** Longest `id` of a message, in characters. */
const MAXIMUM_ID_LENGTH = 64
/** Deepest payload. The 8,000 levels that fit a message would exhaust the stack when they are written again. */
const MAXIMUM_DEPTH = 64
/** Deeper texts are not even parsed: 8,000 levels take V8 a millisecond, a hundred times what other texts of 16 KB do. */
const DEEPEST_READ = 500
/** Where clients write the id, for texts that are not parsed. */
const USUAL_START = /^\{"type":"[a-z]{1,16}","id":"([^"\\]{0,64})"/
/** Of longer messages that are not handled the id is not looked for. */
const LONGEST_FOR_ID = 1024

export type ClientMessage =
  | { type: 'ping', id?: string }
  | { type: 'auth' | 'reauth', id?: string, access: string }
  /** `plain` without other members: then the text itself is what answers it, and no number in it loses a digit. */
  | { type: 'echo', id?: string, payload: unknown, plain: boolean }
  | { type: 'bye', id?: string }

/** `not_json` and `malformed` differ: the first closes the socket, the second is answered. */
export type ParsedFrame =
  | { kind: 'message', message: ClientMessage }
  | { kind: 'malformed', id?: string, detail: string }
  | { kind: 'not_json' }

/** Reads one text frame. Unknown fields are ignored. Never throws, and takes no longer than the length of the text asks for. */
export function parseClientFrame (text: string): ParsedFrame {
  if (nestsDeeperThan(DEEPEST_READ, text)) {
    const detail = `a message has at most ${DEEPEST_READ} levels`
    const id = USUAL_START.exec(text)?.[1]
    return id === undefined ? { kind: 'malformed', detail } : { kind: 'malformed', id, detail }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'not_json' }
  }
  if (!isObject(value) || Array.isArray(value)) return { kind: 'malformed', detail: 'a message is a JSON object' }
  const { id } = value as { id?: unknown }
  if (id !== undefined && (typeof id !== 'string' || id.length > MAXIMUM_ID_LENGTH)) {
    return { kind: 'malformed', detail: `id must be a string of at most ${MAXIMUM_ID_LENGTH} characters` }
  }
  const read = readMessage(value)
  if (typeof read === 'string') return id === undefined ? { kind: 'malformed', detail: read } : { kind: 'malformed', id, detail: read }
  if (id !== undefined) read.id = id
  return { kind: 'message', message: read }
}

/** The `id` of a short frame that is not handled otherwise; undefined when it is no message. */
export function readFrameId (text: string): string | undefined {
  if (text.length > LONGEST_FOR_ID) return undefined
  const frame = parseClientFrame(text)
  return frame.kind === 'message' ? frame.message.id : undefined
}

// Brackets inside strings do not count. Of what is no JSON it may say anything.
function nestsDeeperThan (levels: number, text: string): boolean {
  if (text.length <= 2 * levels) return false
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (inString) {
      if (char === '\\') i += 1
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    if (depth > levels) return true
  }
  return false
}

/** @returns the message without its id, or what is wrong with it */
function readMessage (value: object): ClientMessage | string {
  const { type, access, payload } = value as Record<string, unknown>
  switch (type) {
    case 'ping':
    case 'bye':
      return { type }
    case 'echo':
      if (!isObject(payload) || Array.isArray(payload)) return 'echo needs a payload object'
      return isDeeperThan(MAXIMUM_DEPTH, payload) ? `a payload has at most ${MAXIMUM_DEPTH} levels` : { type, payload, plain: hasOnlyEchoMembers(value) }
    case 'auth':
    case 'reauth':
      return typeof access === 'string' ? { type, access } : `${type} needs an access string`
    default:
      return 'unknown message type; there are auth, reauth, ping, echo and bye'
  }
}

function hasOnlyEchoMembers (value: object): boolean {
  return Object.keys(value).length === ('id' in value ? 3 : 2)
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isDeeperThan (levels: number, value: object): boolean {
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some(inner => isObject(inner) && isDeeperThan(levels - 1, inner))
  // Own keys only come out of JSON.parse. Nothing is allocated: every echoed message passes here.
  for (const key in value) {
    const inner = (value as Record<string, unknown>)[key]
    if (isObject(inner) && isDeeperThan(levels - 1, inner)) return true
  }
  return false
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
