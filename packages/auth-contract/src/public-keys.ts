import { createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, exportJWK, importSPKI, type CryptoKey } from 'jose'
import { ACCESS_TOKEN_ALGORITHM } from './claims.js'
import { parsePemBundle } from './pem-bundle.js'
import { StartupError } from './startup-error.js'

const MINIMUM_MODULUS_BITS = 2048

/** A public key as RFC 7517 publishes it: public members only. */
export interface PublicJwk { kty: string, n: string, e: string, kid: string, use: 'sig', alg: typeof ACCESS_TOKEN_ALGORITHM }

/** The keys that verify access tokens, looked up by exact `kid` in a Map and nowhere else. */
export interface PublicKeys {
  byKid: ReadonlyMap<string, CryptoKey>
  jwks: { keys: PublicJwk[] }
}

/**
 * Reads a bundle of PEM blocks. `kid` is the RFC 7638 thumbprint.
 * @throws {StartupError} when the file is missing or holds a private, weak, repeated or foreign key: a mistake
 *   here must stop the process, not weaken it
 */
export async function loadPublicKeys (path: string): Promise<PublicKeys> {
  const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    throw new StartupError(`PUBLIC_KEY_PATH: cannot read ${path} (${err.code}); run ./generate-keys.sh first`)
  })
  try {
    return await importPublicKeys(text)
  } catch (err) {
    throw new StartupError(`PUBLIC_KEY_PATH: ${path}: ${(err as Error).message}`)
  }
}

/** @throws {Error} naming what is wrong with the bundle */
export async function importPublicKeys (bundle: string): Promise<PublicKeys> {
  const blocks = parsePemBundle(bundle)
  // A block that the parser passes over as commentary would be a key that silently does not count.
  const announced = bundle.match(/-----BEGIN /g)?.length ?? 0
  if (announced !== blocks.length) throw new Error('a PEM block is damaged or has no plain base64 body')
  if (blocks.length === 0) throw new Error('no PEM block found')
  const byKid = new Map<string, CryptoKey>()
  const keys: PublicJwk[] = []
  for (const { label, pem } of blocks) {
    if (label !== 'PUBLIC KEY') throw new Error(`expected PUBLIC KEY blocks, found ${label}`)
    const details = createPublicKey(pem)
    const { modulusLength, publicExponent } = details.asymmetricKeyDetails ?? {}
    if (details.asymmetricKeyType !== 'rsa' || modulusLength === undefined) throw new Error('only RSA keys are accepted')
    if (modulusLength < MINIMUM_MODULUS_BITS) throw new Error(`a ${modulusLength}-bit key is too weak, ${MINIMUM_MODULUS_BITS} is the least`)
    if (publicExponent !== 65537n) throw new Error('the public exponent must be 65537')
    const key = await importSPKI(pem, ACCESS_TOKEN_ALGORITHM, { extractable: true })
    const { kty, n, e } = await exportJWK(key)
    const kid = await calculateJwkThumbprint({ kty, n, e })
    if (byKid.has(kid)) throw new Error(`the key ${kid} appears twice`)
    byKid.set(kid, key)
    keys.push({ kty: kty!, n: n!, e: e!, kid, use: 'sig', alg: ACCESS_TOKEN_ALGORITHM })
  }
  return { byKid, jwks: { keys } }
}
