import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AuthError, Supervised, awaitReady, type Running } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import type { HashResult, HashTask } from './hash-task.js'
import type { HashWorker } from './hash-worker.js'
import { setIdlePriority } from './idle-priority.js'

const SCRIPT = fileURLToPath(new URL('../../dist/hash-process.js', import.meta.url))
const NODE_FLAGS = ['--max-semi-space-size=1']
// Nothing of this process's own environment: that holds connection strings.
const ENVIRONMENT = { PATH: process.env['PATH'], MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1' }
const READY_WITHIN_MS = 30_000
/** Far longer than a request may take: on a busy machine a process of idle priority may get no time for a while. */
const HUNG_AFTER_MS = 60_000

type Answer = { result: HashResult } | { error: string }

/**
 * A process of idle priority that hashes. It gets the peppered input and the stored hash and nothing else, is started
 * again when it ends or hangs, and ends by itself when this process is gone, because its IPC channel ends.
 */
export class HashProcessWorker implements HashWorker {
  readonly #supervised: Supervised
  readonly #hungAfterMs: number
  #child: ChildProcess | undefined
  #listener = () => {}
  #settle: ((answer: Answer | undefined) => void) | undefined

  private constructor (log: Pick<Logger, 'error'>, hungAfterMs: number) {
    this.#hungAfterMs = hungAfterMs
    this.#supervised = new Supervised({
      launch: giveUp => this.#launch(giveUp),
      onCrash: (reason, restartInMs) => log.error({ reason, restartInMs }, 'a hash process ended by itself')
    })
  }

  /**
   * Resolves when it is ready.
   * @param hungAfterMs how long a hash may take before the process is replaced
   */
  static async start (log: Pick<Logger, 'error'>, hungAfterMs = HUNG_AFTER_MS): Promise<HashProcessWorker> {
    const worker = new HashProcessWorker(log, hungAfterMs)
    await worker.#supervised.start()
    return worker
  }

  get isReady (): boolean {
    return this.#child !== undefined
  }

  /** Undefined while it is being started again. */
  get pid (): number | undefined {
    return this.#child?.pid
  }

  onReady (listener: () => void): void {
    this.#listener = listener
  }

  // A hash is not tried on another process when one ends: what ended this one could end them all.
  async compute (task: HashTask): Promise<HashResult> {
    const child = this.#child!
    const hung = setTimeout(() => child.kill('SIGKILL'), this.#hungAfterMs)
    const answer = await new Promise<Answer | undefined>(resolve => {
      this.#settle = resolve
      child.send(task, () => {})                  // when it cannot be sent, the exit follows
    })
    this.#settle = undefined
    clearTimeout(hung)
    if (answer === undefined) throw new AuthError('temporarily_unavailable', { cause: new Error('the hash process ended') })
    if ('error' in answer) throw new Error(answer.error)
    return answer.result
  }

  async close (): Promise<void> {
    await this.#supervised.stop()
  }

  async #launch (giveUp: AbortSignal): Promise<Running> {
    giveUp.throwIfAborted()
    const child = fork(SCRIPT, { execArgv: NODE_FLAGS, cwd: '/', env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    child.on('message', (answer: Answer) => this.#settle?.(answer))
    const exited = new Promise<string>(resolve => {
      child.once('error', err => resolve(err.message))
      child.once('exit', (code, signal) => {
        this.#child = undefined
        this.#settle?.(undefined)
        resolve(signal ?? `exit code ${code}`)
      })
    })
    const stop = async () => {
      child.kill('SIGKILL')                       // it has nothing to finish or to lose
      await exited
    }
    await awaitReady(child, { exited, stop }, AbortSignal.any([giveUp, AbortSignal.timeout(READY_WITHIN_MS)]))
    // Only now, or on a busy machine it would not even start.
    await setIdlePriority(child.pid!).catch(async (err: unknown) => {
      await stop()
      throw err
    })
    this.#child = child
    this.#listener()
    return { exited, stop }
  }
}
