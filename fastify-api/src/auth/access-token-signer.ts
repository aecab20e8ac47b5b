import { randomUUID } from 'node:crypto'
import { ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE } from '@fastify-uws-auth/auth-contract'
import { SignJWT, type CryptoKey } from 'jose'

export interface SigningKey { kid: string, key: CryptoKey }

export interface AccessTokenSubject {
  userId: string
  sessionId: string
  generation: number
  authenticatedAt: Date
  amr: readonly string[]
  /** The session's absolute end; no access token outlives it. */
  sessionExpiresAt: Date
}

export interface SignedAccessToken {
  accessToken: string
  /** Seconds. */
  expiresIn: number
}

export type AccessTokenSigner = (subject: AccessTokenSubject) => Promise<SignedAccessToken>

export interface AccessTokenSignerOptions {
  /** The key of this moment; asked for at each signature, because keys rotate. */
  signingKey: () => SigningKey
  issuer: string
  audience: string
  lifetimeSeconds: number
}

/** Issues access tokens (RFC 9068). Signing runs in the thread pool: RSA-4096 would hold the event loop for milliseconds. */
export function createAccessTokenSigner ({ signingKey, issuer, audience, lifetimeSeconds }: AccessTokenSignerOptions): AccessTokenSigner {
  return async subject => {
    const { kid, key } = signingKey()
    const issuedAt = Math.floor(Date.now() / 1000)
    const expiresAt = Math.min(issuedAt + lifetimeSeconds, Math.ceil(subject.sessionExpiresAt.getTime() / 1000))
    const accessToken = await new SignJWT({
      sid: subject.sessionId,
      auth_time: Math.floor(subject.authenticatedAt.getTime() / 1000),
      amr: [...subject.amr],
      rg: subject.generation
    })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject.userId)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key)
    return { accessToken, expiresIn: expiresAt - issuedAt }
  }
}
