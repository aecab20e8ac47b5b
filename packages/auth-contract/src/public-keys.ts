import { createPublicKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import type { Logger } from 'pino'
import { ACCESS_TOKEN_ALGORITHM } from './claims.js'
import { parsePemBundle } from './pem-bundle.js'
import { ReloadedFile } from './reloaded-file.js'

const MINIMUM_MODULUS_BITS = 2048

/** A public key as RFC 7517 publishes it: public members only. */
export interface PublicJwk { kty: string, n: string, e: string, kid: string, use: 'sig', alg: typeof ACCESS_TOKEN_ALGORITHM }

/** A new key is published this long before it signs, so that every verifier has read it. */
export const PUBLICATION_MS = 60_000
/** For differences between clocks. */
const RETIREMENT_SLACK_MS = 60_000

/** A key that verifies. Instants are milliseconds since the epoch. */
export interface PublicKey {
  key: KeyObject
  jwk: PublicJwk
  /** From here on nothing that it has signed can be alive. `Infinity` while no newer key has taken over. */
  retiredAt: number
}

/** The keys that verify access tokens, looked up by exact `kid` in a Map and nowhere else. */
export interface PublicKeys { readonly byKid: ReadonlyMap<string, PublicKey> }

/** The set that others verify with (RFC 7517, section 5), without retired keys. */
export function toJwks ({ byKid }: PublicKeys, now: number): { keys: PublicJwk[] } {
  return { keys: [...byKid.values()].filter(({ retiredAt }) => now < retiredAt).map(({ jwk }) => jwk) }
}

export interface OpenPublicKeysOptions {
  path: string
  /** Longest life of an access token, in milliseconds. */
  accessTokenLifetimeMs: number
  log: Pick<Logger, 'info' | 'error'>
}

/** Keys of a file that changes while the process runs. */
export interface PublicKeyFile extends PublicKeys {
  /** Calls `listener` after each change: what was verified with a key that is gone must be forgotten. */
  onChange (listener: () => void): void
  close (): void
}

/**
 * Reads a bundle of PEM blocks, and again whenever it changes. `kid` is the RFC 7638 thumbprint.
 * @throws {StartupError} when the file is missing or holds a private, weak, repeated or foreign key: a mistake
 *   here must stop the process, not weaken it
 */
export async function openPublicKeys ({ path, accessTokenLifetimeMs, log }: OpenPublicKeysOptions): Promise<PublicKeyFile> {
  const listeners = new Set<() => void>()
  const file = await ReloadedFile.open({
    setting: 'PUBLIC_KEY_PATH',
    path,
    log,
    parse: text => importPublicKeys(text, accessTokenLifetimeMs),
    onChange () { for (const listener of listeners) listener() }
  })
  return {
    get byKid () { return file.current.byKid },
    onChange (listener) { listeners.add(listener) },
    close: () => file.close()
  }
}

/**
 * An older key is retired one access-token life after the one that follows it in the bundle has begun to sign.
 * @param accessTokenLifetimeMs longest life of an access token
 * @throws {Error} naming what is wrong with the bundle
 */
export async function importPublicKeys (bundle: string, accessTokenLifetimeMs: number = Infinity): Promise<PublicKeys> {
  const blocks = parsePemBundle(bundle)
  // A block that the parser passes over as commentary would be a key that silently does not count.
  const announced = bundle.match(/-----BEGIN /g)?.length ?? 0
  if (announced !== blocks.length) throw new Error('a PEM block is damaged or has no plain base64 body')
  if (blocks.length === 0) throw new Error('no PEM block found')
  const byKid = new Map<string, PublicKey>()
  for (const [index, { label, pem }] of blocks.entries()) {
    if (label !== 'PUBLIC KEY') throw new Error(`expected PUBLIC KEY blocks, found ${label}`)
    const key = createPublicKey(pem)
    const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
    if (key.asymmetricKeyType !== 'rsa' || modulusLength === undefined) throw new Error('only RSA keys are accepted')
    if (modulusLength < MINIMUM_MODULUS_BITS) throw new Error(`a ${modulusLength}-bit key is too weak, ${MINIMUM_MODULUS_BITS} is the least`)
    if (publicExponent !== 65537n) throw new Error('the public exponent must be 65537')
    const { kty, n, e } = await exportJWK(key)
    const kid = await calculateJwkThumbprint({ kty, n, e })
    if (byKid.has(kid)) throw new Error(`the key ${kid} appears twice`)
    const successor = blocks[index + 1]?.createdAt?.getTime() ?? Infinity
    byKid.set(kid, {
      key,
      jwk: { kty: kty!, n: n!, e: e!, kid, use: 'sig', alg: ACCESS_TOKEN_ALGORITHM },
      retiredAt: successor + PUBLICATION_MS + accessTokenLifetimeMs + RETIREMENT_SLACK_MS
    })
  }
  return { byKid }
}
