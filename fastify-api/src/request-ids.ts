import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { requestIdOf } from '@fastify-uws-auth/auth-contract'
import { plainAddress } from './client-address.js'

/**
 * Names requests by the shared rule. Who counts is whoever has the connection, not whom the request is forwarded for.
 * @param trustedProxies addresses and networks
 */
export function createRequestIds (trustedProxies: readonly string[]): (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string {
  const proxies = new BlockList()
  for (const entry of trustedProxies) {
    const [network = '', bits] = entry.split('/')
    if (bits === undefined) proxies.addAddress(network, familyOf(network))
    else proxies.addSubnet(network, Number(bits), familyOf(network))
  }
  const isTrusted = (address: string | null) => address !== null && proxies.check(address, familyOf(address))

  return ({ headers: { 'x-request-id': offered }, socket }) =>
    requestIdOf(offered?.toString(), offered !== undefined && isTrusted(plainAddress(socket.remoteAddress ?? '')))
}

function familyOf (address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
