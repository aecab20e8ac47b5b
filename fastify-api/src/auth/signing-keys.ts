import { createPublicKey } from 'node:crypto'
import {
  ACCESS_TOKEN_ALGORITHM, AuthError, PUBLICATION_MS, ReloadedFile, StartupError, parsePemBundle, type PublicKeys
} from '@fastify-uws-auth/auth-contract'
import { calculateJwkThumbprint, importPKCS8, type JWK } from 'jose'
import type { Logger } from 'pino'
import type { SigningKey } from './access-token-signer.js'

interface DatedKey extends SigningKey {
  /** Milliseconds since the epoch. */
  signsFrom: number
}

export interface SigningKeys {
  /**
   * The newest key that has been published long enough and that verifiers have.
   * @throws {AuthError} temporarily_unavailable while the two key files do not fit together
   */
  current (now: number): SigningKey
  close (): void
}

/**
 * Reads a bundle of PEM private keys, and again whenever it changes.
 * @throws {StartupError} when it holds no key whose public half is published
 */
export async function openSigningKeys (path: string, publicKeys: PublicKeys, log: Logger): Promise<SigningKeys> {
  const file = await ReloadedFile.open({ setting: 'PRIVATE_KEY_PATH', path, log, parse: importPrivateKeys })
  const pick = (now: number): SigningKey | undefined => {
    const verifiable = file.current.filter(({ kid }) => publicKeys.byKid.has(kid))
    return verifiable.findLast(({ signsFrom }) => signsFrom <= now) ?? verifiable[0]
  }
  if (pick(Date.now()) === undefined) {
    file.close()
    throw new StartupError(`PRIVATE_KEY_PATH: the key ${file.current.at(-1)!.kid} is not in PUBLIC_KEY_PATH, nobody could verify what it signs`)
  }
  return {
    current (now) {
      const key = pick(now)
      if (key === undefined) throw new AuthError('temporarily_unavailable', { cause: new Error('no private key has its public half published') })
      return key
    },
    close: () => file.close()
  }
}

async function importPrivateKeys (bundle: string): Promise<DatedKey[]> {
  const blocks = parsePemBundle(bundle).filter(({ label }) => label === 'PRIVATE KEY')
  if (blocks.length === 0) throw new Error('it holds no PRIVATE KEY block; run ./generate-keys.sh first')
  return await Promise.all(blocks.map(async ({ pem, createdAt }) => ({
    ...await importPrivateKey(pem),
    signsFrom: createdAt === undefined ? 0 : createdAt.getTime() + PUBLICATION_MS
  })))
}

// What a library says about a key it cannot read may show some of it.
async function importPrivateKey (pem: string): Promise<SigningKey> {
  try {
    const kid = await calculateJwkThumbprint(createPublicKey(pem).export({ format: 'jwk' }) as JWK)
    return { kid, key: await importPKCS8(pem, ACCESS_TOKEN_ALGORITHM) }
  } catch {
    throw new Error('it holds a PRIVATE KEY block that is not an RSA key')
  }
}
