import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { processTree } from '../../system-test/fixtures/process-tree.js'
import type { DialectName } from './dialects.js'
import type { Teardown } from '../harness/teardown.js'
import { ACCESS_TOKEN_MAX_AGE, type KeyFiles } from './tokens.js'

const OURS = fileURLToPath(new URL('../../uws-server/dist/server.js', import.meta.url))
const NO_LIMIT = '1000000'
// As local mode runs our parts; here it goes for all that are compared.
const NODE_OPTIONS = ['--max-semi-space-size=2']
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' }

/** The servers that others would write, beside ours. */
const COMPARED = {
  raw: { script: 'raw.mjs', dialect: 'plain' },
  'raw-verify': { script: 'raw-verify.mjs', dialect: 'plain' },
  ws: { script: 'ws.mjs', dialect: 'plain' },
  'socket.io': { script: 'socket-io.mjs', dialect: 'socket.io' }
} satisfies Record<string, { script: string, dialect: DialectName }>

export interface ServerUnderTest {
  dialect: DialectName
  port: number
  /** Those that have sockets. */
  pids: number[]
  /** Of all its processes. */
  allPids: number[]
  stop: () => Promise<void>
}

export interface OurServerOptions {
  databaseUrl: string
  keys: KeyFiles
  /** `WS_PROCESSES` */
  processes?: number
  metricsPort?: number
  /** Options of Node.js, such as `--cpu-prof`. */
  nodeOptions?: string[]
}

/** Runs the built socket server, its limits lifted, stopped with the bench. @throws {Error} when it does not start */
export async function startOurServer (t: Teardown, { databaseUrl, keys, processes = 1, metricsPort, nodeOptions = [] }: OurServerOptions): Promise<ServerUnderTest> {
  const { pid, port, stop } = await start(t, OURS, nodeOptions, {
    DATABASE_URL: databaseUrl,
    PUBLIC_KEY_PATH: keys.publicPath,
    ACCESS_TOKEN_MAX_AGE,
    LOG_LEVEL: 'error',
    RATE_LIMIT_MULTIPLIER: '100000',
    WS_MAX_SOCKETS: '19500',
    WS_MAX_SOCKETS_PER_USER: NO_LIMIT,
    WS_MAX_SOCKETS_PER_ADDRESS: NO_LIMIT,
    WS_PROCESSES: String(processes),
    ...metricsPort === undefined ? {} : { METRICS_PORT: String(metricsPort) }
  })
  const allPids = processTree(pid).map(({ pid }) => pid)
  const pids = processes === 1 ? [pid] : allPids.filter(one => one !== pid)
  if (pids.length !== processes) throw new Error(`the socket server runs in ${pids.length} processes instead of ${processes}`)
  return { dialect: 'ours', port, pids, allPids, stop }
}

/** Runs a server to compare with, stopped with the bench. */
export async function startComparedServer (t: Teardown, name: keyof typeof COMPARED, keys: KeyFiles): Promise<ServerUnderTest> {
  const { script, dialect } = COMPARED[name]
  const { pid, port, stop } = await start(t, fileURLToPath(new URL(`servers/${script}`, import.meta.url)), [], { PUBLIC_KEY_PATH: keys.publicPath })
  return { dialect, port, pids: [pid], allPids: [pid], stop }
}

async function start (t: Teardown, script: string, execArgv: string[], env: NodeJS.ProcessEnv): Promise<{ pid: number, port: number, stop: () => Promise<void> }> {
  const port = await findFreePort()
  const child = fork(script, { env: { PATH: process.env['PATH'], ...ALLOCATOR, PORT: String(port), ...env }, execArgv: [...NODE_OPTIONS, ...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  t.teardown(stop)
  const ready = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (ready === undefined) throw new Error(`${script} did not start; is it built?`)
  return { pid: child.pid!, port, stop }
}
