import t from 'tap'
import { AuthError, ERRORS, toProblem, type ErrorCode } from '../src/errors.js'

t.test('codes and their statuses are stable: clients switch on them', t => {
  t.strictSame(Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])), {
    invalid_request: 400,
    invalid_credentials: 401,
    invalid_token: 401,
    invalid_grant: 401,
    reauthentication_required: 403,
    origin_not_allowed: 403,
    not_found: 404,
    method_not_allowed: 405,
    payload_too_large: 413,
    unsupported_media_type: 415,
    upgrade_required: 426,
    rate_limited: 429,
    internal_error: 500,
    overloaded: 503,
    temporarily_unavailable: 503
  })
  t.end()
})

t.test('each has a sentence of its own', t => {
  const titles = Object.values(ERRORS).map(({ title }) => title)
  t.equal(new Set(titles).size, titles.length)
  for (const title of titles) t.match(title, /^[A-Z][\w/ -]+$/)
  t.end()
})

t.test('429 and 503 say when to come back, others only when told to', t => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { status } = ERRORS[code]
    t.equal(new AuthError(code).retryAfter, status === 429 || status === 503 ? 1 : undefined, code)
    t.equal(toProblem(new AuthError(code, { retryAfter: 7 }), 'request-1').retryAfter, 7, code)
  }
  t.end()
})

t.test('a problem is public: the cause never, the detail only below 500', t => {
  const cause = new Error('password of the database: hunter2')
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const error = new AuthError(code, { detail: 'the detail', cause })
    const { status, title } = ERRORS[code]
    t.strictSame(toProblem(error, 'request-1'), {
      type: `urn:fastify-uws-auth:error:${code}`,
      title,
      status,
      ...(status < 500 ? { detail: 'the detail' } : {}),
      code,
      ...(status === 429 || status === 503 ? { retryAfter: 1 } : {}),
      requestId: 'request-1'
    })
    t.notOk('detail' in toProblem(new AuthError(code), 'request-1'))
    t.equal(error.cause, cause)
    t.equal(error.message, title)
    t.ok(error instanceof Error)
  }
  t.end()
})
