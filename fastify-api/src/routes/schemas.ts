import { ERRORS, Type, type ErrorCode } from '@fastify-uws-auth/auth-contract'

const Id = Type.String({ format: 'uuid' })
const Instant = Type.String({ format: 'date-time' })

/** RFC 9457 problem details. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.Optional(Type.String()),
  code: Type.Enum(Object.keys(ERRORS) as ErrorCode[]),
  retryAfter: Type.Optional(Type.Integer({ description: 'Seconds after which a retry makes sense, as in the header Retry-After' })),
  requestId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() })))
})

/** Response schemas of these refusals, for the OpenAPI document and the serialiser. */
export function problems<Status extends number> (...statuses: Status[]) {
  const content = { 'application/problem+json': { schema: Problem } }
  return Object.fromEntries(statuses.map(status => [status, { description: 'Problem details', content }]))
}

export const Session = Type.Object({ id: Id, createdAt: Instant, expiresAt: Instant })
export const User = Type.Object({ id: Id, username: Type.String() })

export const TokenResponse = Type.Object({
  accessToken: Type.String(),
  tokenType: Type.Literal('Bearer'),
  expiresIn: Type.Integer({ description: 'Seconds' }),
  session: Session
})

export const LoginResponse = Type.Object({ ...TokenResponse.properties, user: User })

export const EmptyBody = Type.Object({}, { additionalProperties: false })
