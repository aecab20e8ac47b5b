import { loadSocketConfig } from '@fastify-uws-auth/uws-server/config'
import type { PartEnvironments } from './part-environment.js'

const STOP_WITHIN_MS = 6000

/**
 * After how many milliseconds of stopping each part is killed. The socket server gets the time to send its clients
 * elsewhere on top.
 */
export function stopTimes ({ ws }: Pick<PartEnvironments, 'ws'>): Record<keyof PartEnvironments, number> {
  const { WS_DRAIN_NOTICE, WS_DRAIN_TIMEOUT } = loadSocketConfig(ws)
  return { worker: STOP_WITHIN_MS, api: STOP_WITHIN_MS, ws: WS_DRAIN_NOTICE.milliseconds + WS_DRAIN_TIMEOUT.milliseconds + STOP_WITHIN_MS }
}
