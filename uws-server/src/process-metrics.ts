import type { Meter } from '@fastify-uws-auth/auth-contract/light'

/**
 * Measures the processes that share a port.
 * @param countReady how many serve sockets now
 * @returns counts one that ended by itself
 */
export function measureProcesses (meter: Pick<Meter, 'counter' | 'gauge'>, countReady: () => number): () => void {
  meter.gauge({ name: 'ws_processes', help: 'Socket processes that serve' }, countReady)
  return meter.counter({ name: 'ws_process_restarts_total', help: 'Socket processes that ended by themselves and were started again' })
}
