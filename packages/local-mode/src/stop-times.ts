import { loadApiConfig } from '@fastify-uws-auth/fastify-api/config'
import { WORKER_STOPS_WITHIN_MS, apiStopsWithinMs } from '@fastify-uws-auth/fastify-api/stop-time'
import { loadSocketConfig } from '@fastify-uws-auth/uws-server/config'
import type { PartEnvironments } from './part-environment.js'

/** A part ends by itself before it is killed. */
const LATER_MS = 1000
const SOCKET_SERVER_CLOSES_WITHIN_MS = 5000

/**
 * After how many milliseconds of stopping each part is killed. The socket server gets the time to send its clients
 * elsewhere on top, the API that to answer its.
 */
export function stopTimes ({ api, ws }: Pick<PartEnvironments, 'api' | 'ws'>): Record<keyof PartEnvironments, number> {
  const { WS_DRAIN_NOTICE, WS_DRAIN_TIMEOUT } = loadSocketConfig(ws)
  return {
    worker: WORKER_STOPS_WITHIN_MS + LATER_MS,
    api: apiStopsWithinMs(loadApiConfig(api)) + LATER_MS,
    ws: WS_DRAIN_NOTICE.milliseconds + WS_DRAIN_TIMEOUT.milliseconds + SOCKET_SERVER_CLOSES_WITHIN_MS + LATER_MS
  }
}
