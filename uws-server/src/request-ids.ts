import { requestIdOf } from '@fastify-uws-auth/auth-contract'
import { createProxyTest } from './client-address.js'

/**
 * Names requests by the shared rule. Who counts is whoever has the connection, not whom the request is forwarded for.
 * @param trustedProxies addresses and networks
 * @returns of the bytes of the peer's address, none when the connection is gone, and the values of X-Request-Id
 */
export function createRequestIds (trustedProxies: readonly string[]): (peer: Uint8Array, offered: readonly string[]) => string {
  const isProxy = createProxyTest(trustedProxies)
  return (peer, offered) => requestIdOf(offered.join(), offered.length > 0 && isProxy(peer))
}
