import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { StartupError } from '@fastify-uws-auth/auth-contract/light'

const READER = fileURLToPath(new URL('./read-settings.js', import.meta.url))

/** What the primary has to know of the settings. */
export interface PrimarySettings {
  processes: number
  host: string
  port: number
  metricsPort: number | undefined
  logLevel: string
  /** By then a process that was told to stop has ended. */
  processStopsWithinMs: number
}

/** What the reader says. */
export type SettingsRead = { settings: PrimarySettings } | { mistakes: string }

/**
 * Has the settings checked by a process that ends at once, so that this one stays small.
 * @throws {StartupError} listing every mistake at once
 */
export async function readPrimarySettings (): Promise<PrimarySettings> {
  const reader = fork(READER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(reader, 'exit')
  const [read] = await Promise.race([once(reader, 'message') as Promise<[SettingsRead]>, exited.then(([code, signal]) => {
    throw new StartupError(`the settings could not be read (${signal ?? `exit code ${code}`})`)
  })])
  await exited
  if ('mistakes' in read) throw new StartupError(read.mistakes)
  return read.settings
}
