import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { processIdentity } from './process-identity.js'

/** What a lock file says about the process that made it. */
export interface LockHolder {
  pid: number
  identity: string
  /** The port of what the lock protects, once it answers there. */
  port?: number
}

export interface LockFile {
  /** Lets readers of the lock know where its subject answers. */
  publishPort (port: number): void
  release (): void
}

/**
 * Takes a lock that ends with this process, however it ends. The file is readable by its owner alone.
 * @returns the lock, or the living process that holds it
 */
export function takeLock (path: string): { lock: LockFile } | { holder: LockHolder } {
  const own: LockHolder = { pid: process.pid, identity: processIdentity(process.pid) ?? '' }
  for (;;) {
    if (createAtOnce(path, own)) return { lock: lockFile(path, own) }
    const holder = readLockHolder(path)
    if (holder) return { holder }
    removeStale(path)
  }
}

/** The living process that holds a lock, if there is one. */
export function readLockHolder (path: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as LockHolder
    return processIdentity(holder.pid) === holder.identity ? holder : undefined
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EACCES') throw err
    return undefined
  }
}

function lockFile (path: string, own: LockHolder): LockFile {
  return {
    publishPort (port) { renameSync(writeDraft(path, { ...own, port }), path) },
    release () { rmSync(path, { force: true }) }
  }
}

// A link either appears complete or not at all, so that nobody reads a lock that is half written.
function createAtOnce (path: string, holder: LockHolder): boolean {
  const draft = writeDraft(path, holder)
  try {
    linkSync(draft, path)
    return true
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err
    return false
  } finally {
    rmSync(draft)
  }
}

function writeDraft (path: string, holder: LockHolder): string {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 })
  return draft
}

// Two processes may find the same stale lock. The slower one moves the faster one's new lock aside, sees that it is
// alive and puts it back.
function removeStale (path: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readLockHolder(aside)) renameSync(aside, path)
  else rmSync(aside)
}
