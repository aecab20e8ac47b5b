import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { awaitReady, stopChild, type Running } from '@fastify-uws-auth/auth-contract/light'
import { MeasuredProcess } from './measurements.js'

const SCRIPT = fileURLToPath(new URL('./socket-process.js', import.meta.url))

export interface ForkedProcess extends Running {
  pid: number
  measured: MeasuredProcess
}

/**
 * Starts a process that serves sockets and resolves when it is ready. It gets this one's environment, flags and
 * output, and ends by itself when this one is gone, because its IPC channel ends.
 * @param stopWithinMs after this many milliseconds of stopping it is killed
 * @param giveUp stops one that is not ready yet
 * @throws {Error} with how it ended, when that comes first
 */
export async function forkSocketProcess (stopWithinMs: number, giveUp: AbortSignal): Promise<ForkedProcess> {
  giveUp.throwIfAborted()
  const child = fork(SCRIPT, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const measured = new MeasuredProcess(child)
  const exited = new Promise<string>(resolve => {
    child.once('error', err => resolve(err.message))
    child.once('exit', (code, signal) => resolve(`process ${child.pid}: ${signal ?? `exit code ${code}`}`))
  })
  const stop = () => stopChild(child, { exited, withinMs: stopWithinMs })
  await awaitReady(child, { exited, stop }, giveUp)
  return { pid: child.pid!, measured, exited, stop }
}
