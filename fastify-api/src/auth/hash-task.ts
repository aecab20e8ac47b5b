/** What is hashed is the password's HMAC under a pepper, in base64: never the password. */
export type HashTask =
  | { kind: 'hash', input: string, algorithm: 'bcrypt' | 'argon2id', bcryptCost: number }
  | { kind: 'verify', input: string, stored: string }

/** The new hash, or whether the input belongs to the stored one. */
export type HashResult<Task extends HashTask = HashTask> = Task extends { kind: 'hash' } ? string : boolean

// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. Argon2id is the library's default variant.
const ARGON2_PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** How a hash begins that `computeHash` makes now. */
export function prefixOf (algorithm: 'bcrypt' | 'argon2id', bcryptCost: number): string {
  return algorithm === 'bcrypt' ? `$2b$${String(bcryptCost).padStart(2, '0')}$` : '$argon2id$v=19$m=19456,t=2,p=1$'
}

/**
 * Computes in libuv's thread pool. Each library is loaded when it is first needed: a hash process has to stay small.
 * @throws {Error} when an Argon2 hash cannot be read
 */
export async function computeHash (task: HashTask): Promise<HashResult> {
  if (task.kind === 'hash' ? task.algorithm === 'argon2id' : task.stored.startsWith('$argon2')) {
    const argon2 = await import('@node-rs/argon2')
    return await (task.kind === 'hash' ? argon2.hash(task.input, ARGON2_PARAMETERS) : argon2.verify(task.stored, task.input))
  }
  const { default: bcrypt } = await import('bcrypt')
  return await (task.kind === 'hash' ? bcrypt.hash(task.input, task.bcryptCost) : bcrypt.compare(task.input, task.stored))
}
