import { setImmediate } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'

/**
 * Tells whether whoever sent a request has hung up. A process that was stopped for a while finds requests whose senders,
 * or a proxy for them, have long gone to another process: what these did since must not look like a replay.
 */
export async function isAbandoned ({ raw: { socket } }: Pick<FastifyRequest, 'raw'>): Promise<boolean> {
  // The request was read in this turn of the event loop, the end behind it is in the next.
  await setImmediate()
  await setImmediate()
  return socket.destroyed || socket.readableEnded
}
