import { AuthError, type Meter } from '@fastify-uws-auth/auth-contract'
import { computeHash, type HashResult, type HashTask } from './hash-task.js'
import type { HashWorker } from './hash-worker.js'

export interface HashingPoolOptions {
  workers: HashWorker[]
  /** Longest expected wait in milliseconds, by the measured rate, before more work is refused. */
  maxWaitMs: number
  meter: Pick<Meter, 'histogram' | 'gauge'>
}

/** The right to hash, given before the work is known. Ends with `release`, which may be called more than once. */
export interface HashingPlace {
  /**
   * First come, first served. A second hash in the same place is not refused either.
   * @throws {AuthError} `temporarily_unavailable` when the worker ended or the pool was closed; `overloaded` when none became free in five seconds, or the hash took more than ten
   */
  run<Task extends HashTask> (task: Task): Promise<HashResult<Task>>
  release (): void
}

interface Waiting {
  task: HashTask
  since: number
  resolve: (result: HashResult) => void
  reject: (err: unknown) => void
  givingUp: NodeJS.Timeout
}

/** Only when the rate has collapsed since the place was given. */
export const GIVE_UP_AFTER_MS = 5000
/** On a busy machine a process of idle priority may get no processor for long. */
export const COMPUTE_WITHIN_MS = 10_000
const WEIGHT_OF_NEWEST = 0.2
const BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 5, 10]

/**
 * Bounds password hashing: a queue measured in time, not in entries, so that overload is refused at once instead of
 * being served late. The rate is what was measured, lowered by every hash that already takes longer than that.
 */
export class HashingPool {
  readonly #workers: HashWorker[]
  readonly #maxWaitMs: number
  readonly #observeWait: (seconds: number) => void
  readonly #observeHash: (seconds: number) => void
  readonly #waiting: Waiting[] = []
  readonly #startedAt = new Map<HashWorker, number>()
  #reserved = 0
  #averageMs = 0

  constructor ({ workers, maxWaitMs, meter }: HashingPoolOptions) {
    this.#workers = workers
    this.#maxWaitMs = maxWaitMs
    this.#observeWait = meter.histogram({ name: 'password_hash_wait_seconds', help: 'From asking for a password hash until its computation began', buckets: BUCKETS_S })
    this.#observeHash = meter.histogram({ name: 'password_hash_seconds', help: 'A password hash, from its beginning until its result', buckets: BUCKETS_S })
    meter.gauge({ name: 'password_hash_queue', help: 'Password hashes that wait now' }, () => this.#waiting.length)
    for (const worker of workers) worker.onReady(() => this.#dispatch())
  }

  /** @throws {AuthError} `overloaded`, at once, when the work would wait longer than the limit; nothing has been done then */
  reserve (): HashingPlace {
    if (this.#expectedWaitMs() > this.#maxWaitMs) throw this.#overloaded()
    this.#reserved += 1
    let isReserved = true
    const release = () => {
      if (isReserved) this.#reserved -= 1
      isReserved = false
    }
    return {
      release,
      run: <Task extends HashTask>(task: Task) => {
        release()                                 // from now on it counts as waiting
        return this.#enqueue(task) as Promise<HashResult<Task>>
      }
    }
  }

  /** Computes the first hash, the first measurement, in threads of this process: a start must not wait for an idle core. */
  async begin<Task extends HashTask> (task: Task): Promise<HashResult<Task>> {
    const startedAt = performance.now()
    const result = await computeHash(task)
    this.#learn(performance.now() - startedAt)
    return result as HashResult<Task>
  }

  /** Ends the workers; what they compute fails, and what waits for them. */
  async close (): Promise<void> {
    for (const { reject, givingUp } of this.#waiting.splice(0)) {
      clearTimeout(givingUp)
      reject(new AuthError('temporarily_unavailable', { cause: new Error('the hashing pool is closed') }))
    }
    await Promise.all(this.#workers.map(worker => worker.close()))
  }

  #enqueue (task: HashTask): Promise<HashResult> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = { task, since: performance.now(), resolve, reject, givingUp: setTimeout(() => this.#giveUp(entry), GIVE_UP_AFTER_MS) }
      this.#waiting.push(entry)
      this.#dispatch()
    })
  }

  #dispatch (): void {
    for (const worker of this.#workers) {
      if (!worker.isReady || this.#startedAt.has(worker)) continue
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#start(worker, next)
    }
  }

  #start (worker: HashWorker, { task, since, resolve, reject, givingUp }: Waiting): void {
    clearTimeout(givingUp)
    const startedAt = performance.now()
    this.#observeWait((startedAt - since) / 1000)
    this.#startedAt.set(worker, startedAt)
    // Only the caller is free then: the worker is at it until it has computed or is replaced.
    const tooLate = setTimeout(() => reject(this.#overloaded()), COMPUTE_WITHIN_MS)
    // The worker is free before its caller knows: who asks for a place right then must not be told that it is busy.
    const finish = () => {
      clearTimeout(tooLate)
      this.#startedAt.delete(worker)
      this.#dispatch()
    }
    worker.compute(task).then(result => {
      this.#learn(performance.now() - startedAt)
      finish()
      resolve(result)
    }, (err: unknown) => {
      finish()
      reject(err)
    })
  }

  #giveUp (entry: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(entry), 1)
    entry.reject(this.#overloaded())
  }

  #learn (elapsedMs: number): void {
    this.#observeHash(elapsedMs / 1000)
    this.#averageMs = this.#averageMs === 0 ? elapsedMs : this.#averageMs * (1 - WEIGHT_OF_NEWEST) + elapsedMs * WEIGHT_OF_NEWEST
  }

  #expectedWaitMs (): number {
    const now = performance.now()
    const ready = this.#workers.filter(worker => worker.isReady)
    const ahead = this.#reserved + this.#waiting.length + this.#startedAt.size
    if (ahead < ready.length) return 0
    // A hash that hangs finishes nothing: its worker counts by how long it has been at it.
    const perMs = ready.reduce((sum, worker) => sum + 1 / Math.max(this.#averageMs, now - (this.#startedAt.get(worker) ?? now)), 0)
    return (ahead - ready.length + 1) / perMs
  }

  #overloaded (): AuthError {
    return new AuthError('overloaded', { retryAfter: Math.ceil(Math.min(this.#maxWaitMs, GIVE_UP_AFTER_MS) / 1000) })
  }
}
