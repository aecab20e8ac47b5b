import { computeHash, type HashResult, type HashTask } from './hash-task.js'

/** Computes one hash at a time. */
export interface HashWorker {
  /** False while it cannot take work. */
  readonly isReady: boolean
  /** @param listener called whenever it is ready again by itself */
  onReady (listener: () => void): void
  /**
   * @throws {AuthError} `temporarily_unavailable` when the worker ended or hung meanwhile
   * @throws {Error} when the stored hash cannot be read
   */
  compute (task: HashTask): Promise<HashResult>
  /** Resolves when nothing of it is left; work in progress fails. */
  close (): Promise<void>
}

/** Workers that use this process's own thread pool: for tools, and where the system has no idle priority. */
export function createThreadWorkers (count: number): HashWorker[] {
  return Array.from({ length: count }, () => ({ isReady: true, onReady () {}, compute: computeHash, async close () {} }))
}
