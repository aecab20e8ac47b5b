import type { SocketConfig } from './config.js'

const CLOSE_RESOURCES_MS = 2000

/** How long a socket process may take to stop, in milliseconds: its clients come first. */
export function stopsWithinMs ({ WS_DRAIN_NOTICE, WS_DRAIN_TIMEOUT }: Pick<SocketConfig, 'WS_DRAIN_NOTICE' | 'WS_DRAIN_TIMEOUT'>): number {
  return WS_DRAIN_NOTICE.milliseconds + WS_DRAIN_TIMEOUT.milliseconds + CLOSE_RESOURCES_MS
}
