import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

const WITH_PORT = /^(?:([0-9.]+):[0-9]+|\[([0-9a-f:.]+)\](?::[0-9]+)?)$/i

/**
 * The address of a client, for limits, events and sessions. Some proxies forward it with a port; what is no address at all
 * counts as the proxy's own.
 * @returns null when the connection is gone
 */
export function clientAddressOf ({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string | null {
  return plainAddress(ip) ?? plainAddress(socket.remoteAddress ?? '')
}

/** An address without port and IPv6 zone, which PostgreSQL does not know; null for what is no address. */
export function plainAddress (text: string): string | null {
  const address = (WITH_PORT.exec(text)?.slice(1).find(Boolean) ?? text).split('%', 1)[0]!
  return isIP(address) === 0 ? null : address
}
