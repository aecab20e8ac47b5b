/**
 * Keeps a `RevocationSet` up to date.
 */
export interface RevocationFeed {
  /** Resolves after the first successful read, so that a process that answers requests knows what has ended. */
  start (): Promise<void>
  /** Milliseconds since the last successful read, by a monotonic clock. `Infinity` before the first. */
  staleness (): number
  /** True when the set may miss revocations older than the setting allows: refuse what relies on it. */
  isStale (): boolean
  close (): Promise<void>
}
