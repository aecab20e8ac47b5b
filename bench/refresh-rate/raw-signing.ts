// A process of its own: signs with the given key as fast as this machine can, while it is told to.
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const CONCURRENCY = 8
const PAYLOAD = Buffer.alloc(700, 'x')               // as long as the signed part of an access token
const signInPool = promisify(sign) as (algorithm: string, data: Buffer, key: ReturnType<typeof createPrivateKey>) => Promise<Buffer>

const key = createPrivateKey(readFileSync(process.argv[2]!, 'utf8'))

process.on('message', async ({ milliseconds }: { milliseconds: number }) => {
  let signatures = 0
  const end = performance.now() + milliseconds
  const start = performance.now()
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    while (performance.now() < end) {
      await signInPool('sha256', PAYLOAD, key)
      signatures += 1
    }
  }))
  process.send!(signatures / (performance.now() - start) * 1000)
})
process.on('disconnect', () => process.exit())
