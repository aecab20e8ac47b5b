import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** A service as docker-compose.yml has it, as far as the tests look. */
export interface ComposeService {
  image?: string
  build?: { context: string, target: string, args: Record<string, string> }
  user?: string
  profiles?: string[]
  command?: string[]
  entrypoint?: string[]
  environment?: Record<string, string | number>
  env_file?: Array<{ path: string, required: boolean }>
  secrets?: Array<string | { source: string, target: string }>
  configs?: Array<{ source: string, target: string }>
  volumes?: Array<string | { type: string, source: string, target: string, read_only?: boolean }>
  tmpfs?: string[]
  ports?: string[]
  networks: string[] | Record<string, { ipv4_address?: string } | null>
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test?: string[], disable?: boolean }
  stop_grace_period?: string
  deploy?: { resources: { limits: { cpus?: string, memory?: string, pids?: number } } }
  [other: string]: unknown
}

export interface ComposeFile {
  services: Record<string, ComposeService>
  networks: Record<string, { internal?: boolean } | null>
  secrets: Record<string, { file: string }>
  configs: Record<string, { file: string }>
}

/** The text of docker-compose.yml with its variables filled in, as an environment says. */
export function composeText (env: Record<string, string> = {}): string {
  let text = readFileSync(path.join(PROJECT, 'docker-compose.yml'), 'utf8')
  // A default may hold another variable: the innermost is filled in first.
  const innermost = /\$\{(\w+)(?::-([^${}]*))?\}/g
  while (innermost.test(text)) text = text.replace(innermost, (_, name: string, fallback = '') => env[name] || fallback)
  return text
}

/** docker-compose.yml as docker compose understands it with an environment. */
export function readCompose (env: Record<string, string> = {}): ComposeFile {
  return parse(composeText(env), { merge: true }) as ComposeFile
}

/** The secrets that a service gets, by name, with the path at which it finds each. */
export function secretsOf ({ secrets = [] }: ComposeService): Record<string, string> {
  return Object.fromEntries(secrets.map(entry => typeof entry === 'string' ? [entry, `/run/secrets/${entry}`] : [entry.source, entry.target]))
}

/** The names of the networks a service is in. */
export function networksOf ({ networks }: ComposeService): string[] {
  return (Array.isArray(networks) ? networks : Object.keys(networks)).sort()
}
