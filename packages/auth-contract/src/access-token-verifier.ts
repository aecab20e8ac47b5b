import { verify } from 'node:crypto'
import { ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE, hasClaimsShape, toPrincipal, type Principal } from './claims.js'
import type { PublicKeys } from './public-keys.js'

// Looser forms decode to the same bytes and have fooled verifiers; refused before decoding (RFC 7519, section 7.2).
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const MAXIMUM_LENGTH = 8192
const FUTURE_TOLERANCE_SECONDS = 60
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export interface AccessTokenVerifierOptions {
  keys: PublicKeys
  issuer: string
  audience: string
  /** Longest accepted `exp` − `iat`, in seconds. */
  maxAge: number
  /** Milliseconds since the epoch; an argument so that tests own the clock. */
  now?: () => number
}

/**
 * `verified` is good now. `expired` was good once: signature and claims are right, only `exp` has passed.
 * `refused` says why for metrics and logs; clients get one answer for all.
 */
export type Verification =
  | { kind: 'verified', principal: Principal }
  | { kind: 'expired', principal: Principal }
  | { kind: 'refused', reason: 'malformed' | 'header' | 'unknown_key' | 'signature' | 'claims' | 'issuer' | 'audience' | 'time' }

/**
 * The one verifier of access tokens, for the API and the sockets alike (RFC 9068, section 4; RFC 8725).
 * It does not look at revocation: that check belongs after the last await, in the caller's tick.
 * @returns never rejects
 */
export type AccessTokenVerifier = (accessToken: string) => Promise<Verification>

export function createAccessTokenVerifier (options: AccessTokenVerifierOptions): AccessTokenVerifier {
  const { keys, issuer, audience, maxAge, now = Date.now } = options

  return async accessToken => {
    if (accessToken.length > MAXIMUM_LENGTH || !COMPACT_FORM.test(accessToken)) return refused('malformed')
    const segments = accessToken.split('.')
    // The last character of a segment can carry bits that decoders drop: one signature would have several spellings.
    const decoded = segments.map(segment => Buffer.from(segment, 'base64url'))
    if (!segments.every((segment, index) => segment === decoded[index]!.toString('base64url'))) return refused('malformed')
    const header = decodeJson(decoded[0]!)
    if (!isExpectedHeader(header)) return refused('header')
    const publicKey = keys.byKid.get(header.kid)
    if (publicKey === undefined || now() >= publicKey.retiredAt) return refused('unknown_key')

    // RS256 (RFC 7518, section 3.3). Here and not in a thread: handing it to one and back takes the main thread longer.
    if (!verify('sha256', Buffer.from(`${segments[0]}.${segments[1]}`), publicKey.key, decoded[2]!)) return refused('signature')

    const claims = decodeJson(decoded[1]!)
    if (!hasClaimsShape(claims)) return refused('claims')
    if (claims.iss !== issuer) return refused('issuer')
    if (typeof claims.aud === 'string' ? claims.aud !== audience : !claims.aud.includes(audience)) return refused('audience')
    const seconds = now() / 1000
    const latestStart = seconds + FUTURE_TOLERANCE_SECONDS
    if (claims.iat > latestStart || (claims.nbf ?? 0) > latestStart) return refused('time')
    if (claims.exp <= claims.iat || claims.exp - claims.iat > maxAge) return refused('time')
    // exp has no tolerance, here or anywhere.
    return { kind: claims.exp > seconds ? 'verified' : 'expired', principal: toPrincipal(claims, publicKey.jwk.kid) }
  }
}

function refused (reason: Extract<Verification, { kind: 'refused' }>['reason']): Verification {
  return { kind: 'refused', reason }
}

// Exactly these three members: no jwk, jku, x5u, x5c, crit or b64 ever reaches the library
// (RFC 8725, section 3.10; RFC 7515, section 4.1.11; RFC 7797, section 7).
function isExpectedHeader (header: unknown): header is { alg: string, typ: string, kid: string } {
  if (typeof header !== 'object' || header === null || Object.keys(header).length !== 3) return false
  const { alg, typ, kid } = header as Record<string, unknown>
  return alg === ACCESS_TOKEN_ALGORITHM && typ === ACCESS_TOKEN_TYPE && typeof kid === 'string'
}

function decodeJson (bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}
