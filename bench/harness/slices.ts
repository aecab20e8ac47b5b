import { progress } from './command-line.js'
import { checkInterrupt } from './interrupt.js'

const TELL_EVERY_MS = 5000

/** Does something for a short while. @returns its figure, such as the number of times a second */
export type Slice<Result> = () => Promise<Result>

/**
 * Takes turns: one slice of each, a round to warm up and then `rounds` that count. Every second round goes backwards,
 * so that none always follows the same. Machines change their speed from one second to the next; only what was measured
 * in the same round may be compared.
 * @returns of each name the results in the order of the rounds
 */
export async function alternate<Name extends string, Result> (what: string, rounds: number, slices: Record<Name, Slice<Result>>): Promise<Record<Name, Result[]>> {
  const names = Object.keys(slices) as Name[]
  const results = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Name, Result[]>
  progress(`${what}: a round to warm up and ${rounds} that count`)
  let toldAt = performance.now()
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 1 ? names.toReversed() : names) {
      const result = await slices[name]()
      if (round > 0) results[name].push(result)
      await checkInterrupt()                          // a slice may have waited for nothing
    }
    if (performance.now() - toldAt < TELL_EVERY_MS) continue
    toldAt = performance.now()
    progress(`${what}: round ${round} of ${rounds}${round === 0 ? ', to warm up' : ''}`)
  }
  return results
}
