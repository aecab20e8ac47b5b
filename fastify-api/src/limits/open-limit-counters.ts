import type { Meter } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import type { LimitCounters } from './limit-counters.js'
import { measureLimitCounters } from './limit-metrics.js'
import { MemoryCounters } from './memory-counters.js'

export interface OpenLimitCounters { counters: LimitCounters, close: () => void }

/** The counters that the settings ask for: shared in Redis when it is configured, otherwise those of this process. */
export async function openLimitCounters (redisUrl: string | undefined, log: Logger, meter: Meter): Promise<OpenLimitCounters> {
  const memory = new MemoryCounters()
  if (redisUrl === undefined) return { counters: memory, close () {} }
  // Loaded only when asked for: the client library costs each process about 20 MB.
  const { RedisCounters } = await import('./redis-counters.js')
  const { FallbackCounters } = await import('./fallback-counters.js')
  const counters = new FallbackCounters({ redis: new RedisCounters(redisUrl), memory, log })
  measureLimitCounters(meter, counters)
  await counters.connect()
  return { counters, close: () => counters.close() }
}
