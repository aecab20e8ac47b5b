/** What clients have met, all together. */
export class Tally {
  refreshes = 0
  /** Refreshes that were given up or refused: somebody was signed out. */
  failedRefreshes = 0
  /** Answers that made a client repeat its refresh, by status; 0 for none. */
  readonly repeated = new Map<string, number>()
  calls = 0
  /** Calls of a protected route that were not answered 200, by status. */
  readonly failedCalls = new Map<string, number>()
  /** Sockets that closed, by code. */
  readonly closes = new Map<string, number>()
  /** Attempts to open a socket that were refused. */
  refusedSockets = 0
  /** Milliseconds from the end of a socket until the next one had said `connected`. */
  readonly reconnectMs: number[] = []
  /** The same without the wait that the client chose because the server asked for it. */
  readonly beyondWaitMs: number[] = []

  static count (counts: Map<string, number>, key: string | number): void {
    counts.set(String(key), (counts.get(String(key)) ?? 0) + 1)
  }
}
