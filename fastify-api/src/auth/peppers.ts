import { ReloadedFile } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'

const LINE = /^(\d{1,3}):([A-Za-z0-9+/]{43}=)$/

/** Secrets that are not in the database, by version; the newest is used for what is made from now on. */
export interface Peppers {
  readonly newestVersion: number
  readonly byVersion: ReadonlyMap<number, Buffer>
}

/** Peppers of a file that may get new versions while the process runs. */
export interface PepperFile extends Peppers {
  /** For a version that is not known yet: looks into the file, at most once in five seconds. @returns whether it has changed */
  lookAgain (): Promise<boolean>
  close (): void
}

/**
 * Reads `version:base64` lines of 32 bytes each, newest last, and again whenever the file changes.
 * @param setting the name that a mistake is blamed on
 * @throws {StartupError} when the file is missing or a line has another form; the line itself is never shown
 */
export async function openPeppers (setting: string, path: string, log: Pick<Logger, 'info' | 'error'>): Promise<PepperFile> {
  const file = await ReloadedFile.open({ setting, path, log, parse: parsePeppers })
  return {
    get newestVersion () { return file.current.newestVersion },
    get byVersion () { return file.current.byVersion },
    lookAgain: () => file.lookIfDue(),
    close: () => file.close()
  }
}

function parsePeppers (text: string): Peppers {
  const byVersion = new Map<number, Buffer>()
  let newestVersion = 0
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const match = LINE.exec(line.trim())
    const version = Number(match?.[1])
    if (!match || version < 1 || version > 255) throw new Error(`line ${index + 1} is not version:base64 of 32 bytes`)
    if (version <= newestVersion) throw new Error(`line ${index + 1} must have a greater version than the line before`)
    byVersion.set(version, Buffer.from(match[2]!, 'base64'))
    newestVersion = version
  }
  if (newestVersion === 0) throw new Error('it holds no pepper; run ./generate-keys.sh first')
  return { newestVersion, byVersion }
}
