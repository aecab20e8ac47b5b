import type { ApiConfig } from './config.js'

/** For the answers to what has been asked when nothing new is accepted: hardly any takes as long. */
export const FINISH_WITHIN_MS = 15_000
const CLOSE_RESOURCES_MS = 3000

/** How long the API may take to stop, in milliseconds. It takes as long as its requests do, which is hardly ever that long. */
export function apiStopsWithinMs ({ DRAIN_NOTICE }: Pick<ApiConfig, 'DRAIN_NOTICE'>): number {
  return DRAIN_NOTICE.milliseconds + FINISH_WITHIN_MS + CLOSE_RESOURCES_MS
}

/** How long the worker may take: a mail that is being sent, and a broker that does not answer, may take 5 s each. */
export const WORKER_STOPS_WITHIN_MS = 15_000
