import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from '../harness/command-line.js'

/** Where the packages of the peers are, apart from the project's own. */
export const PEERS = fileURLToPath(new URL('.', import.meta.url))

/** Installs what the benches compare with, once and when it has changed. @throws {Error} when npm cannot */
export function installPeers (): void {
  const changedAt = (file: string) => statSync(`${PEERS}/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity
  if (changedAt('node_modules/.package-lock.json') > changedAt('package-lock.json')) return
  progress('installing the peers')
  const { status, stderr } = spawnSync('npm', ['ci'], { cwd: PEERS, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci in bench/peers failed:\n${stderr}`)
}
