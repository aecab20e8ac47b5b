import { availableParallelism } from 'node:os'
import bcrypt from 'bcrypt'

/** Hashes a second that this machine computes with all its cores, while nothing else runs here. */
export async function measureRawRate (cost: number, milliseconds: number): Promise<number> {
  const stored = await bcrypt.hash('x'.repeat(64), cost)
  const startedAt = performance.now()
  let hashes = 0
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    while (performance.now() - startedAt < milliseconds) {
      await bcrypt.compare('x'.repeat(64), stored)
      hashes += 1
    }
  }))
  return hashes / (performance.now() - startedAt) * 1000
}
