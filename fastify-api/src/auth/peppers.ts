import { readFile } from 'node:fs/promises'
import { StartupError } from '@fastify-uws-auth/auth-contract'

const LINE = /^(\d{1,3}):([A-Za-z0-9+/]{43}=)$/

/** Secrets that are not in the database, by version; the newest is used for what is made from now on. */
export interface Peppers {
  newestVersion: number
  byVersion: ReadonlyMap<number, Buffer>
}

/**
 * Reads `version:base64` lines of 32 bytes each, newest last.
 * @param setting the name that a mistake is blamed on
 * @throws {StartupError} when the file is missing or a line has another form; the line itself is never shown
 */
export async function loadPeppers (setting: string, path: string): Promise<Peppers> {
  const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    throw new StartupError(`${setting}: cannot read ${path} (${err.code}); run ./generate-keys.sh first`)
  })
  const byVersion = new Map<number, Buffer>()
  let newestVersion = 0
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const match = LINE.exec(line.trim())
    const version = Number(match?.[1])
    if (!match || version < 1 || version > 255) throw new StartupError(`${setting}: line ${index + 1} of ${path} is not version:base64 of 32 bytes`)
    if (version <= newestVersion) throw new StartupError(`${setting}: line ${index + 1} of ${path} must have a greater version than the line before`)
    byVersion.set(version, Buffer.from(match[2]!, 'base64'))
    newestVersion = version
  }
  if (newestVersion === 0) throw new StartupError(`${setting}: ${path} holds no pepper; run ./generate-keys.sh first`)
  return { newestVersion, byVersion }
}
