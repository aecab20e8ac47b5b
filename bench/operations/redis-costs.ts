import { createRedis, REDIS_MISSING } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { RedisCounters } from '../../fastify-api/src/limits/redis-counters.js'
import { progress } from '../harness/command-line.js'
import { cpuMicroseconds } from '../harness/process-figures.js'
import type { Teardown } from '../harness/teardown.js'
import { redisPid } from './api-under-measure.js'

const CONNECTIONS = 16
const EACH = 5000
const WINDOW_MS = 60_000

/**
 * CPU of Redis for one count of a limit while it is busy, in microseconds: every connection has the next one ready. One
 * that is asked now and then spends several times as much, on waking up for each.
 * @returns of each round; none where Redis is not installed
 */
export async function measureBusyRedis (t: Teardown, rounds: number): Promise<number[]> {
  if (REDIS_MISSING) return []
  const redis = await createRedis(t)
  const pid = await redisPid(redis)
  const counters = Array.from({ length: CONNECTIONS }, () => new RedisCounters(redis.url))
  t.teardown(() => counters.forEach(one => one.close()))
  await Promise.all(counters.map(one => one.connect()))
  const values: number[] = []
  for (let round = 0; round <= rounds; round++) {
    progress(`busy Redis: round ${round} of ${rounds}`)
    const before = cpuMicroseconds([pid])
    await Promise.all(counters.map(async (one, n) => {
      for (let i = 0; i < EACH; i++) await one.count(`${n}:${i}`, WINDOW_MS)
    }))
    if (round > 0) values.push((cpuMicroseconds([pid]) - before) / (CONNECTIONS * EACH))
  }
  return values
}
