import type { Logger } from 'pino'
import { NotifyCarrier } from './notify-carrier.js'
import type { RevocationCarrier } from './revocation-carrier.js'

/** The carrier that the settings ask for: Redis when it is configured, otherwise PostgreSQL's LISTEN. */
export async function createRevocationCarrier (redisUrl: string | undefined, log: Logger): Promise<RevocationCarrier> {
  if (redisUrl === undefined) return new NotifyCarrier()
  // Loaded only when asked for: the client library costs each process about 20 MB.
  const { RedisCarrier } = await import('./redis-carrier.js')
  return new RedisCarrier({ url: redisUrl, log })
}
