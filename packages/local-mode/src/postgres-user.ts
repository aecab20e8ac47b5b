import { closeSync, constants, openSync, statSync } from 'node:fs'
import { StartupError } from '@fastify-uws-auth/auth-contract'

const NOBODY = 65534

/** Who PostgreSQL runs as; it refuses to be root. Numbers are undefined for the user who runs this process. */
export interface PostgresUser {
  uid: number | undefined
  gid: number | undefined
  /** True when it is somebody else than the user who runs this process. */
  isSubstitute: boolean
}

/**
 * For root the owner of an existing data folder, so that a start by an ordinary user and one by root find the same
 * data, or else nobody; for everybody else themselves.
 * @throws {StartupError} for root on a system where another user cannot be handed a private folder
 */
export function choosePostgresUser (dataFolder: string): PostgresUser {
  if (process.getuid?.() !== 0) return { uid: undefined, gid: undefined, isSubstitute: false }
  if (process.platform !== 'linux') throw new StartupError('PostgreSQL refuses to run as root; run this as an ordinary user, or set DATABASE_URL')
  const owner = statSync(dataFolder, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, isSubstitute: true }
  return { uid: NOBODY, gid: NOBODY, isSubstitute: true }
}

/** Descriptor number under which `lendFolder` hands a folder to a child process. */
export const LENT_DESCRIPTOR = 4

/**
 * Calls `spawnChild` with a path under which a child running as `user` reaches `folder`, and with what to put at
 * `LENT_DESCRIPTOR` of its stdio. A substitute user may not pass through the folders above, such as a private home;
 * an inherited descriptor leads past them.
 */
export function lendFolder<T> (folder: string, user: PostgresUser, spawnChild: (path: string, descriptor: number | 'ignore') => T): T {
  if (!user.isSubstitute) return spawnChild(folder, 'ignore')
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return spawnChild(`/proc/self/fd/${LENT_DESCRIPTOR}`, descriptor)
  } finally {
    closeSync(descriptor)
  }
}
