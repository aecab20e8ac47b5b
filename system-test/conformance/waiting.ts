import { Unexpected } from './expect.js'

/** How long an answer may take before it counts as missing; generous, for a busy machine. */
export const ANSWER_WITHIN_MS = 10_000

export const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** Resolves a little after an instant, in milliseconds since the epoch. */
export async function pauseUntil (instant: number): Promise<void> {
  await pause(Math.max(0, instant - Date.now()) + 50)
}

/** What comes in time. @throws {Unexpected} with what there is instead, asked for at that moment */
export async function inTime<Value> (what: string, coming: Promise<Value>, instead: () => string, withinMs = ANSWER_WITHIN_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Unexpected(`${what} within ${withinMs / 1000} s`, instead())), withinMs)
  })
  return await Promise.race([coming, late]).finally(() => clearTimeout(timer))
}
