import { setImmediate as immediately, setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds each. */
export type Latencies = number[]

/**
 * Asks as often as the rate says, at random moments as visitors come (exponential gaps), whether earlier ones have been
 * answered or not; the latency counts from when one was due.
 */
export async function arriveAtRate (perSecond: number, milliseconds: number, ask: () => Promise<unknown>): Promise<Latencies> {
  const latencies: Latencies = []
  const open: Array<Promise<void>> = []
  const startedAt = performance.now()
  const gap = () => -Math.log(1 - Math.random()) * 1000 / perSecond
  const timed = async (dueAt: number): Promise<void> => {
    await ask()
    latencies.push(performance.now() - dueAt)
  }
  let dueAt = startedAt + gap()
  while (dueAt < startedAt + milliseconds) {
    while (dueAt <= performance.now()) {
      open.push(timed(dueAt))
      dueAt += gap()
    }
    // Timers are late by a millisecond, which would be measured with everything; waiting by turns alone would take a core.
    const wait = dueAt - performance.now()
    await (wait > 2 ? sleep(wait - 1.5) : immediately())
  }
  await Promise.all(open)
  return latencies
}

/** Asks again as soon as one is answered, with so many at once. @returns how many a second, and the latency of each */
export async function askAgain (atOnce: number, milliseconds: number, ask: () => Promise<unknown>): Promise<{ perSecond: number, latencies: Latencies }> {
  const latencies: Latencies = []
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (performance.now() - startedAt < milliseconds) {
      const askedAt = performance.now()
      await ask()
      latencies.push(performance.now() - askedAt)
    }
  }))
  return { perSecond: latencies.length / (performance.now() - startedAt) * 1000, latencies }
}
