import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { RevocationSet, VerifiedTokens, createAccessTokenVerifier, openPublicKeys } from '@fastify-uws-auth/auth-contract'
import { jwtVerify } from 'jose'
import type { Teardown } from '../harness/teardown.js'
import { createFastJwtVerifier } from './fast-jwt.js'

const TOKEN = { issuer: 'fastify-uws-auth', audience: 'fastify-uws-auth' }
const LIFETIME_SECONDS = 3600
const RS256 = ['RS256']

/** Rejects or throws when a token is not good. */
export type Verify = (accessToken: string) => unknown

/** What an access token is at least: the bytes that are signed, and their signature. */
export interface SignedBytes { bytes: Buffer, signature: Buffer }

export function signedBytes (accessToken: string): SignedBytes {
  const end = accessToken.lastIndexOf('.')
  return { bytes: Buffer.from(accessToken.slice(0, end)), signature: Buffer.from(accessToken.slice(end + 1), 'base64url') }
}

/** OpenSSL by Node.js and nothing else: what nobody who verifies can go below. */
export function rawVerifier (publicPath: string): (signed: SignedBytes) => void {
  const key = createPublicKey(readFileSync(publicPath))
  return ({ bytes, signature }) => {
    if (!verify('sha256', bytes, key, signature)) throw new Error('a signature is not good')
  }
}

/**
 * The API's and the socket process's, put together as their `resources.ts` do it.
 * @returns makes one that has seen no token yet
 */
export async function ourVerifiers (t: Teardown, publicPath: string): Promise<(maximum: number) => Verify> {
  const accessTokenLifetimeMs = LIFETIME_SECONDS * 1000
  const keys = await openPublicKeys({ path: publicPath, accessTokenLifetimeMs, log: { info () {}, error () {} } })
  t.teardown(() => keys.close())
  const revocations = new RevocationSet({ accessTokenLifetimeMs })
  const verify = createAccessTokenVerifier({ keys, ...TOKEN, maxAge: LIFETIME_SECONDS })
  return maximum => {
    const tokens = new VerifiedTokens({ verify, revocations, maximum })
    return async accessToken => {
      const { kind } = await tokens.verify(accessToken)
      if (kind !== 'verified') throw new Error(`an access token is ${kind}`)
    }
  }
}

export function joseVerifier (publicPath: string): Verify {
  const key = createPublicKey(readFileSync(publicPath))
  return accessToken => jwtVerify(accessToken, key, { ...TOKEN, algorithms: RS256, typ: 'at+jwt' })
}

/** @param cache most tokens remembered; 0 for none */
export function fastJwtVerifier (publicPath: string, cache: number): Verify {
  return createFastJwtVerifier(readFileSync(publicPath, 'utf8'), TOKEN, cache)
}
