import { StartupError, loadConfig } from '@fastify-uws-auth/auth-contract'
import { loadApiConfig } from '@fastify-uws-auth/fastify-api/config'
import { WorkerConfig } from '@fastify-uws-auth/fastify-api/worker-config'
import { loadSocketConfig } from '@fastify-uws-auth/uws-server/config'
import type { PartEnvironments } from './part-environment.js'

/**
 * Checks the settings of all parts before any of them starts.
 * @throws {StartupError} listing every mistake of every part once
 */
export function checkSettings ({ api, worker, ws }: PartEnvironments): void {
  const checks = [() => loadApiConfig(api), () => loadConfig(WorkerConfig, worker), () => loadSocketConfig(ws)]
  const mistakes = new Set(checks.flatMap(mistakesOf))
  if (mistakes.size > 0) throw new StartupError([...mistakes].join('\n'))
}

function mistakesOf (check: () => unknown): string[] {
  try {
    check()
    return []
  } catch (err) {
    if (err instanceof StartupError) return err.message.split('\n')
    throw err
  }
}
