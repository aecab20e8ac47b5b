import { STATUS_CODES } from 'node:http'
import { AuthError, toProblem, type AuthErrorOptions, type ErrorCode } from '@fastify-uws-auth/auth-contract'

/** One HTTP answer. `status` holds the number and its phrase. */
export interface HttpAnswer { status: string, headers: Record<string, string>, body: string }

// RFC 6750, section 3; RFC 9110, sections 10.2.3 and 15.5.22; RFC 6455, section 4.4.
const HEADERS_OF_CODE: Partial<Record<ErrorCode, Record<string, string>>> = {
  invalid_token: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  method_not_allowed: { Allow: 'GET' },
  upgrade_required: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
}

/** A refusal as problem details (RFC 9457). */
export function problemAnswer (code: ErrorCode, requestId: string, options: Pick<AuthErrorOptions, 'detail' | 'retryAfter'> = {}): HttpAnswer {
  const error = new AuthError(code, options)
  return answer(error.status, 'application/problem+json', toProblem(error, requestId), {
    ...HEADERS_OF_CODE[code],
    'X-Request-Id': requestId,
    ...error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) }
  })
}

export function jsonAnswer (status: number, body: unknown): HttpAnswer {
  return answer(status, 'application/json', body, {})
}

function answer (status: number, type: string, body: unknown, headers: Record<string, string>): HttpAnswer {
  return {
    status: `${status} ${STATUS_CODES[status]}`,
    headers: { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', ...headers },
    body: JSON.stringify(body)
  }
}
