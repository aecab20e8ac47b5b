import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from '../harness/command-line.js'

/** Where the packages of the peers are, apart from the project's own. */
export const PEERS = fileURLToPath(new URL('.', import.meta.url))

/** Installs what the benches compare with, once. @throws {Error} when npm cannot */
export function installPeers (): void {
  if (existsSync(`${PEERS}/node_modules/.package-lock.json`)) return
  progress('installing the peers')
  const { status, stderr } = spawnSync('npm', ['ci'], { cwd: PEERS, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci in bench/peers failed:\n${stderr}`)
}
