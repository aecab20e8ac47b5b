import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { StartupError } from '@fastify-uws-auth/auth-contract'
import { PROJECT_FOLDER } from './project-folder.js'

/** What `generate-keys.sh` runs. */
const SCRIPT = path.join(PROJECT_FOLDER, 'scripts/generate-keys.mjs')
const FILES = ['private.pem', 'public.pem', 'refresh-token.pepper', 'password.pepper']

/**
 * Makes the signing key and the peppers as `generate-keys.sh` does, when there are none. Looking for primes of 2048 bits takes
 * a processor for a second or two; whoever starts can do other things meanwhile.
 * @throws {StartupError} when they cannot be made, or when only some of them are there; what to do has been printed then
 */
export async function makeMissingKeys (keysDir: string): Promise<void> {
  if (FILES.every(name => existsSync(path.join(keysDir, name)))) return
  process.stdout.write('Making keys ...\n')
  const making = spawn(process.execPath, [SCRIPT], { env: { KEYS_DIR: keysDir, PUBLIC_KEYS_DIR: process.env['PUBLIC_KEYS_DIR'] }, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(making, 'close').catch((err: Error) => { throw new StartupError(`KEYS_DIR: ${SCRIPT} cannot be run (${err.message})`) })
  if (code !== 0) throw new StartupError('KEYS_DIR: generate-keys.sh failed; what it said is above')
}
