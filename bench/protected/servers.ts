import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import { startApi, type ApiUnderTest } from '../harness/api-under-test.js'
import type { Teardown } from '../harness/teardown.js'
import { PEERS } from '../peers/install.js'

const SAME_APPLICATION = fileURLToPath(new URL('same-application.mjs', import.meta.url))
// As the API is started, and for all that are compared.
const NODE_OPTIONS = ['--max-semi-space-size=8', '--heap-growing-percent=50']
// Each writes one line for each request, to nowhere.
const API_OPTIONS = { bcryptCost: 4, settings: { LOG_LEVEL: 'info' } }

export interface ServerUnderTest { port: number, path: string, pid: number }

/** The built API, one process, as it is. */
export async function startOurs (t: Teardown, bits: 2048 | 4096, nodeOptions: string[] = []): Promise<ServerUnderTest & { api: ApiUnderTest }> {
  const api = await startApi(t, { bits, nodeOptions, ...API_OPTIONS })
  return { port: api.port, path: '/api/protected', pid: api.pid, api }
}

/**
 * The same application with one route more, which answers the same.
 * @param settings `VERIFIED_TOKENS` lets `@fastify/jwt` decide who is answered, otherwise anybody is
 */
export async function startSameApplication (t: Teardown, { bits, keysDir, settings = {}, nodeOptions = [] }: { bits: 2048 | 4096, keysDir: string, settings?: NodeJS.ProcessEnv, nodeOptions?: string[] }): Promise<ServerUnderTest & Pick<ApiUnderTest, 'stop'>> {
  const { port, pid, stop } = await startApi(t, {
    ...API_OPTIONS,
    bits,
    nodeOptions,
    program: SAME_APPLICATION,
    settings: { ...API_OPTIONS.settings, ...settings, PRIVATE_KEY_PATH: path.join(keysDir, 'private.pem'), PUBLIC_KEY_PATH: path.join(keysDir, 'public.pem') }
  })
  return { port, path: '/api/beside', pid, stop }
}

/** One of `bench/peers`, which gets the API's public key. @throws {Error} when it does not start */
export async function startPeer (t: Teardown, script: string, { keysDir }: Pick<ApiUnderTest, 'keysDir'>, settings: NodeJS.ProcessEnv = {}): Promise<ServerUnderTest> {
  const port = await freePort()
  const child = fork(path.join(PEERS, script), {
    env: { NODE_ENV: 'production', PORT: String(port), PUBLIC_KEY_PATH: path.join(keysDir, 'public.pem'), ...settings },
    execArgv: NODE_OPTIONS,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const ready = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (ready === undefined) throw new Error(`${script} did not start`)
  return { port, path: '/protected', pid: child.pid! }
}
