import { randomUUID } from 'node:crypto'

/** As nginx makes them: `$request_id`. */
const OF_A_PROXY = /^[0-9a-f]{32}$/

/**
 * The id by which a request is found again in logs, events and answers: the proxy's, when a trusted one has sent one in its
 * form, otherwise a new UUID. So nobody outside can choose it, make two requests look like one, or write into a log.
 * @param offered X-Request-Id; several of them joined by commas, which are no id
 */
export function requestIdOf (offered: string | undefined, isFromTrustedProxy: boolean): string {
  return isFromTrustedProxy && offered !== undefined && OF_A_PROXY.test(offered) ? offered : randomUUID()
}
