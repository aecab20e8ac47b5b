// A process of its own: verifies a password against its hash as fast as this machine can, while it is told to.
import { availableParallelism } from 'node:os'
import { computeHash, type HashTask } from '../../fastify-api/src/auth/hash-task.js'
import type { Load } from './load.js'

const INPUT = 'x'.repeat(64)                          // as long as what the API hashes

const [algorithm, bcryptCost] = process.argv.slice(2) as ['bcrypt' | 'argon2id', string]
const hashing: HashTask = { kind: 'hash', input: INPUT, algorithm, bcryptCost: Number(bcryptCost) }
const stored = await computeHash(hashing) as string

process.on('message', async ({ milliseconds }: { milliseconds: number }) => {
  let done = 0
  const start = performance.now()
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    while (performance.now() - start < milliseconds) {
      await computeHash({ kind: 'verify', input: INPUT, stored })
      done += 1
    }
  }))
  process.send!({ done, perSecond: done / (performance.now() - start) * 1000 } satisfies Load)
})
process.on('disconnect', () => process.exit())
