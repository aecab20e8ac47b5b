import { Skip } from './expect.js'
import type { Options } from './options.js'
import { Scene } from './scene.js'

/** One sentence about the server that is true or not. */
export interface Case {
  id: string
  sentence: string
  /** `slow`: mostly waits, with one socket of the user at most. `alone`: uses up what others need, so it comes after them. */
  lane?: 'slow' | 'alone'
  /** @throws {Skip} when it cannot be played, anything else when the sentence is not true */
  play: (scene: Scene) => Promise<void>
}

export type Result = { kind: 'passed' } | { kind: 'failed' | 'skipped', reason: string }

// Together they stay below the 20 sockets that one user may have: two for a quick case, one for a slow one.
const AT_ONCE = { quick: 5, slow: 8, alone: 1 }

/** Gives the cases of a group their ids. */
export function inGroup (name: string, cases: ReadonlyArray<Omit<Case, 'id'>>): Case[] {
  return cases.map((each, index) => ({ id: `${name}-${String(index + 1).padStart(2, '0')}`, ...each }))
}

/** Plays all cases. @returns the result of each, in their order, when it is there */
export function playAll (cases: readonly Case[], options: Options): Array<Promise<Result>> {
  const waiting = new Map<Case, (result: Result) => void>()
  const results = cases.map(each => new Promise<Result>(resolve => { waiting.set(each, resolve) }))
  const playLane = async (lane: Case['lane'], atOnce: number) => {
    const queue = cases.filter(each => each.lane === lane)
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let each = queue.shift(); each !== undefined; each = queue.shift()) waiting.get(each)!(await playOne(each, options))
    }))
  }
  const playLanes = async () => {
    await Promise.all([playLane(undefined, AT_ONCE.quick), playLane('slow', AT_ONCE.slow)])
    await playLane('alone', AT_ONCE.alone)
    await options.account.endShared()
  }
  playLanes().catch(() => {})                        // of a login that has failed every case knows
  return results
}

async function playOne ({ play }: Case, options: Options): Promise<Result> {
  const scene = new Scene(options)
  try {
    await play(scene)
    return { kind: 'passed' }
  } catch (err) {
    const reason = err instanceof Error ? err.message || err.name : String(err)
    return { kind: err instanceof Skip ? 'skipped' : 'failed', reason }
  } finally {
    await scene.end()
  }
}
