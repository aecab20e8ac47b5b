/**
 * Every refusal a client can meet, over HTTP and on a socket. The codes are stable; clients switch on them.
 * `title` is public. What went wrong inside is the `cause` of an `AuthError` and goes to the log only.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: 'The request does not fit the schema' },
  invalid_credentials: { status: 401, title: 'The credentials are not valid' },
  invalid_token: { status: 401, title: 'The access token is missing or not valid' },
  invalid_grant: { status: 401, title: 'The refresh token is missing or not valid' },
  reauthentication_required: { status: 403, title: 'The password has to be confirmed first' },
  origin_not_allowed: { status: 403, title: 'Requests from this origin are not allowed' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  upgrade_required: { status: 426, title: 'This address speaks WebSocket only' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  overloaded: { status: 503, title: 'The service is overloaded' },
  temporarily_unavailable: { status: 503, title: 'The service is temporarily unavailable' }
} as const

export type ErrorCode = keyof typeof ERRORS

export interface AuthErrorOptions {
  /** What the client can do about it; public. */
  detail?: string
  /** Seconds after which a retry makes sense. 429 and 503 answer 1 when it is not given. */
  retryAfter?: number
  /** For the log; never leaves the process. */
  cause?: unknown
}

/** A refusal with a stable code. Throw it from anywhere; the edge turns it into an answer. */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: ErrorCode
  readonly status: number
  readonly detail: string | undefined
  readonly retryAfter: number | undefined

  constructor (code: ErrorCode, options: AuthErrorOptions = {}) {
    super(ERRORS[code].title, { cause: options.cause })
    this.code = code
    this.status = ERRORS[code].status
    this.detail = options.detail
    this.retryAfter = options.retryAfter ?? (this.status === 429 || this.status === 503 ? 1 : undefined)
  }
}

/** RFC 9457 problem details with our stable `code`. */
export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  code: ErrorCode
  /** Seconds after which a retry makes sense, as in the header Retry-After. */
  retryAfter?: number
  requestId: string
  errors?: Array<{ pointer: string, detail: string }>
}

/** The public face of an error. A 5xx never describes itself (RFC 9457, section 5). */
export function toProblem (error: AuthError, requestId: string): Problem {
  return {
    type: `urn:fastify-uws-auth:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    ...(error.detail !== undefined && error.status < 500 ? { detail: error.detail } : {}),
    code: error.code,
    ...(error.retryAfter !== undefined ? { retryAfter: error.retryAfter } : {}),
    requestId
  }
}
