import { createHmac, randomBytes } from 'node:crypto'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import bcrypt from 'bcrypt'
import type { NewPassword } from '../db/users.js'
import type { HashingPool } from './hashing-pool.js'
import type { PepperFile } from './peppers.js'

export interface PasswordHasherOptions {
  algorithm: 'bcrypt' | 'argon2id'
  bcryptCost: number
  peppers: PepperFile
  pool: HashingPool
}

export interface StoredPassword { passwordHash: string, passwordPepperVersion: number }

export interface PasswordHasher {
  hash (password: string): Promise<NewPassword>
  /**
   * Compares a password with a stored hash, or with a dummy of the current parameters when the user is unknown:
   * both take the same work.
   * @throws {AuthError} `overloaded`
   */
  matches (password: string, stored: StoredPassword | undefined): Promise<boolean>
  /** True when the stored hash was not made with the current algorithm, cost and pepper. */
  isOutdated (stored: StoredPassword): boolean
}

// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. Argon2id is the library's default variant.
const ARGON2_PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const ARGON2_PREFIX = '$argon2id$v=19$m=19456,t=2,p=1$'

/** Hashing starts with a dummy, hence the promise. */
export async function createPasswordHasher (options: PasswordHasherOptions): Promise<PasswordHasher> {
  const { algorithm, bcryptCost, peppers, pool } = options
  const currentPrefix = algorithm === 'bcrypt' ? `$2b$${String(bcryptCost).padStart(2, '0')}$` : ARGON2_PREFIX

  const hash = async (password: string): Promise<NewPassword> => {
    const pepperVersion = peppers.newestVersion
    const input = withPepper(password, peppers.byVersion.get(pepperVersion)!)
    return {
      hash: await pool.run(() => algorithm === 'bcrypt' ? bcrypt.hash(input, bcryptCost) : argon2Hash(input, ARGON2_PARAMETERS)),
      pepperVersion
    }
  }
  const dummy = await hash(randomBytes(32).toString('base64'))

  return {
    hash,
    async matches (password, stored) {
      const passwordHash = stored?.passwordHash ?? dummy.hash
      const pepperVersion = stored?.passwordPepperVersion ?? dummy.pepperVersion
      if (!peppers.byVersion.has(pepperVersion)) await peppers.lookAgain()
      const pepper = peppers.byVersion.get(pepperVersion)
      // A pepper that was thrown away: nothing can match, but the work is done all the same.
      const input = withPepper(password, pepper ?? randomBytes(32))
      const verified = await pool.run(() => passwordHash.startsWith('$argon2')
        ? argon2Verify(passwordHash, input)
        : bcrypt.compare(input, passwordHash))
      return verified && stored !== undefined
    },
    isOutdated: ({ passwordHash, passwordPepperVersion }) =>
      !passwordHash.startsWith(currentPrefix) || passwordPepperVersion !== peppers.newestVersion
  }
}

// 64 characters whatever the password's length: bcrypt silently ignores what comes after 72 bytes.
function withPepper (password: string, pepper: Buffer): string {
  return createHmac('sha384', pepper).update(password, 'utf8').digest('base64')
}
