import { createPublicKey, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE, StartupError, parsePemBundle, type PublicKeys
} from '@fastify-uws-auth/auth-contract'
import { calculateJwkThumbprint, importPKCS8, SignJWT, type CryptoKey, type JWK } from 'jose'

/** A new key is published this long before it signs, so that every verifier has read it. */
export const PUBLICATION_MS = 60_000

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

/**
 * Reads a bundle of PEM private keys and picks the newest that has been published long enough.
 * @throws {StartupError} when there is none, or its public half is not in the published keys
 */
export async function loadSigningKey (path: string, publicKeys: PublicKeys, now: number = Date.now()): Promise<SigningKey> {
  const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    throw new StartupError(`PRIVATE_KEY_PATH: cannot read ${path} (${err.code}); run ./generate-keys.sh first`)
  })
  const blocks = parsePemBundle(text).filter(({ label }) => label === 'PRIVATE KEY')
  const published = blocks.filter(({ createdAt }) => createdAt === undefined || createdAt.getTime() + PUBLICATION_MS <= now)
  const block = published.at(-1) ?? blocks[0]
  if (block === undefined) throw new StartupError(`PRIVATE_KEY_PATH: ${path} holds no PRIVATE KEY block; run ./generate-keys.sh first`)
  const kid = await thumbprintOf(block.pem).catch(() => {
    throw new StartupError(`PRIVATE_KEY_PATH: ${path} holds a PRIVATE KEY block that is not an RSA key`)
  })
  if (!publicKeys.byKid.has(kid)) throw new StartupError(`PRIVATE_KEY_PATH: the key ${kid} is not in PUBLIC_KEY_PATH, nobody could verify what it signs`)
  return { kid, key: await importPKCS8(block.pem, ACCESS_TOKEN_ALGORITHM) }
}

async function thumbprintOf (privatePem: string): Promise<string> {
  return await calculateJwkThumbprint(createPublicKey(privatePem).export({ format: 'jwk' }) as JWK)
}

export interface AccessTokenSignerOptions { signingKey: SigningKey, issuer: string, audience: string, lifetimeSeconds: number }

/** Issues access tokens (RFC 9068). Signing runs in the thread pool: RSA-4096 would hold the event loop for milliseconds. */
export function createAccessTokenSigner ({ signingKey, issuer, audience, lifetimeSeconds }: AccessTokenSignerOptions): AccessTokenSigner {
  return async subject => {
    const issuedAt = Math.floor(Date.now() / 1000)
    const expiresAt = Math.min(issuedAt + lifetimeSeconds, Math.ceil(subject.sessionExpiresAt.getTime() / 1000))
    const accessToken = await new SignJWT({
      sid: subject.sessionId,
      auth_time: Math.floor(subject.authenticatedAt.getTime() / 1000),
      amr: [...subject.amr],
      rg: subject.generation
    })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid: signingKey.kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject.userId)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(signingKey.key)
    return { accessToken, expiresIn: expiresAt - issuedAt }
  }
}
