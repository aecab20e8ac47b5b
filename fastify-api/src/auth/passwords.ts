import { createHmac, randomBytes } from 'node:crypto'
import type { NewPassword } from '../db/users.js'
import { prefixOf } from './hash-task.js'
import type { HashingPool } from './hashing-pool.js'
import type { PepperFile } from './peppers.js'

export interface PasswordHasherOptions {
  algorithm: 'bcrypt' | 'argon2id'
  bcryptCost: number
  peppers: PepperFile
  pool: HashingPool
}

export interface StoredPassword { passwordHash: string, passwordPepperVersion: number }

/** Work on passwords that is not refused any more. */
export interface PasswordPlace {
  /** @throws {AuthError} `temporarily_unavailable` or `overloaded` when what hashes failed meanwhile */
  hash (password: string): Promise<NewPassword>
  /**
   * Compares a password with a stored hash, or with a dummy of the current parameters when the user is unknown:
   * both take the same work.
   * @throws {AuthError} `temporarily_unavailable` or `overloaded` when what hashes failed meanwhile
   */
  matches (password: string, stored: StoredPassword | undefined): Promise<boolean>
  /** Gives the place back; always, in a `finally`, and harmless when it has been used. */
  release (): void
}

export interface PasswordHasher {
  /**
   * A place in the queue, to be asked for before anything that costs something.
   * @throws {AuthError} `overloaded`, at once, when the queue is too long
   */
  reserve (): PasswordPlace
  /** As in a place, which is asked for and given back. */
  hash: PasswordPlace['hash']
  /** True when the stored hash was not made with the current algorithm, cost and pepper. */
  isOutdated (stored: StoredPassword): boolean
}

/** Hashing starts with a dummy, hence the promise; it is also the first measurement of the pool's rate. */
export async function createPasswordHasher (options: PasswordHasherOptions): Promise<PasswordHasher> {
  const { algorithm, bcryptCost, peppers, pool } = options
  const currentPrefix = prefixOf(algorithm, bcryptCost)

  const reserve = (): PasswordPlace => {
    const place = pool.reserve()
    return {
      release: place.release,
      async hash (password) {
        const pepperVersion = peppers.newestVersion
        const input = withPepper(password, peppers.byVersion.get(pepperVersion)!)
        return { hash: await place.run({ kind: 'hash', input, algorithm, bcryptCost }), pepperVersion }
      },
      async matches (password, stored) {
        const passwordHash = stored?.passwordHash ?? dummy.hash
        const pepperVersion = stored?.passwordPepperVersion ?? dummy.pepperVersion
        if (!peppers.byVersion.has(pepperVersion)) await peppers.lookAgain()
        const pepper = peppers.byVersion.get(pepperVersion)
        // A pepper that was thrown away: nothing can match, but the work is done all the same.
        const input = withPepper(password, pepper ?? randomBytes(32))
        const verified = await place.run({ kind: 'verify', input, stored: passwordHash })
        return verified && stored !== undefined
      }
    }
  }
  const hash = async (password: string) => {
    const place = reserve()
    try {
      return await place.hash(password)
    } finally {
      place.release()
    }
  }
  const dummy = {
    hash: await pool.begin({ kind: 'hash', input: withPepper(randomBytes(32).toString('base64'), randomBytes(32)), algorithm, bcryptCost }),
    pepperVersion: peppers.newestVersion
  }

  return {
    reserve,
    hash,
    isOutdated: ({ passwordHash, passwordPepperVersion }) =>
      !passwordHash.startsWith(currentPrefix) || passwordPepperVersion !== peppers.newestVersion
  }
}

// 64 characters whatever the password's length: bcrypt silently ignores what comes after 72 bytes.
function withPepper (password: string, pepper: Buffer): string {
  return createHmac('sha384', pepper).update(password, 'utf8').digest('base64')
}
