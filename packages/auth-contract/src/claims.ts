import type { Static } from 'typebox'
import { Type } from './schema-builders.js'
import { compileShape } from './shape-check.js'

/** The one algorithm. It is configuration of ours, never read from a token (RFC 8725, section 3.1). */
export const ACCESS_TOKEN_ALGORITHM = 'RS256'
/** RFC 9068, section 2.1. */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' })
// Number.isInteger refuses Infinity, which JSON.parse makes of 1e999.
const Instant = Type.Integer({ minimum: 0, maximum: 99_999_999_999 })

/** The claims set of an access token. The patterns hold before a claim reaches SQL, a Map or a log. */
export const AccessTokenClaims = Type.Object({
  iss: Type.String({ minLength: 1 }),
  aud: Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 16 })]),
  sub: Uuid,
  sid: Uuid,
  jti: Uuid,
  iat: Instant,
  exp: Instant,
  nbf: Type.Optional(Instant),
  auth_time: Instant,
  amr: Type.Array(Type.String({ pattern: '^[a-z]{2,16}$' }), { minItems: 1, maxItems: 8 }),
  /** Refresh generation of the session when the token was issued. */
  rg: Type.Integer({ minimum: 0, maximum: 2_147_483_647 })
})
export type AccessTokenClaims = Static<typeof AccessTokenClaims>

/** True when every required claim is there in its fixed form. Issuer, audience and time are the verifier's. */
export const hasClaimsShape = compileShape(AccessTokenClaims)

/** Who a verified access token speaks for. Instants are seconds since the epoch. */
export interface Principal {
  subject: string
  sessionId: string
  issuer: string
  /** `kid` of the key that its access token is signed with. */
  keyId: string
  issuedAt: number
  expiresAt: number
  authTime: number
  amr: readonly string[]
  refreshGeneration: number
}

export function toPrincipal (claims: AccessTokenClaims, keyId: string): Principal {
  return {
    subject: claims.sub,
    sessionId: claims.sid,
    issuer: claims.iss,
    keyId,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    authTime: claims.auth_time,
    amr: claims.amr,
    refreshGeneration: claims.rg
  }
}
