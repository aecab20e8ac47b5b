import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { awaitReady, stopChild, type Running } from '@fastify-uws-auth/auth-contract'

// Without this the young generation grows to 48 MB under load, which these programs have no use for.
const NODE_FLAGS = ['--max-semi-space-size=2']
// One heap of glibc for each thread of the pool would hold megabytes that nobody uses.
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' }

export interface PartOptions {
  /** Absolute path of the program; node runs it. */
  script: string
  /** Options of node beside those of every part, which they replace. */
  nodeFlags: readonly string[]
  env: NodeJS.ProcessEnv
  cwd: string
  /** After this many milliseconds of stopping it is killed. */
  stopWithinMs: number
  onLine: (line: string, stream: 'stdout' | 'stderr') => void
}

/**
 * Runs one part as a process group of its own, so that a terminal's Ctrl-C reaches it only by way of `stop`. Resolves
 * when the part says `ready`. A part ends by itself when this process is gone, because its IPC channel ends.
 * @param giveUp stops a part that is not ready yet
 * @throws {Error} with how the part ended, when that comes first
 */
export async function startPart ({ script, nodeFlags, env, cwd, stopWithinMs, onLine }: PartOptions, giveUp: AbortSignal): Promise<Running> {
  giveUp.throwIfAborted()
  const child = spawn(process.execPath, [...NODE_FLAGS, ...nodeFlags, script], { env: { ...ALLOCATOR, ...env }, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const linesRead = (['stdout', 'stderr'] as const).map(name => new Promise(resolve => {
    createInterface({ input: child[name]! }).on('line', line => onLine(line, name)).once('close', resolve)
  }))
  const exited = new Promise<string>(resolve => {
    child.once('error', err => resolve(err.message))
    child.once('exit', (code, signal) => {
      // What the part started goes with it: a socket process left behind would keep the port.
      signalGroup(child, 'SIGKILL')
      Promise.all(linesRead).then(() => resolve(signal ?? `exit code ${code}`))
    })
  })
  const stop = () => stopChild(child, { exited, withinMs: stopWithinMs, kill: () => signalGroup(child, 'SIGKILL') })
  await awaitReady(child, { exited, stop }, giveUp)
  return { exited, stop }
}

function signalGroup ({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err
  }
}
