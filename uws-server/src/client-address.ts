import ipaddr from 'ipaddr.js'

const HOP_WITH_PORT = /^(?:([0-9.]+):[0-9]+|\[([0-9a-f:.]+)\](?::[0-9]+)?)$/i

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Where a request came from, as the socket library tells. */
export interface RequestOrigin {
  /** 4 or 16 bytes; none when the connection is gone already. */
  peer: Uint8Array
  /** Values of X-Forwarded-For. */
  forwardedFor: readonly string[]
}

/**
 * Finds the client behind trusted proxies: the last forwarded address that is not one of theirs. What anybody else
 * forwards is ignored.
 * @param trustedProxies addresses and networks
 * @returns a key for limits: the IPv4 address, also of its IPv6 form, or the /64 of an IPv6 address, all of which one
 *   client may have
 */
export function createAddressReader (trustedProxies: readonly string[]): (origin: RequestOrigin) => string {
  const isTrusted = createAddressTest(trustedProxies)

  return ({ peer, forwardedFor }) => {
    if (peer.length === 0) return 'gone'
    let client = addressOfPeer(peer)
    const hops = forwardedFor.join(',').split(',').map(hop => hop.trim())
    while (hops.length > 0 && isTrusted(client)) {
      const hop = parse(hops.pop()!)
      if (hop === undefined) break                    // the last address that somebody we trust has vouched for
      client = hop
    }
    return toKey(client)
  }
}

/**
 * Tells whether a proxy in front has a connection.
 * @param trustedProxies addresses and networks
 * @returns of the bytes of the peer's address; false when the connection is gone, which leaves none
 */
export function createProxyTest (trustedProxies: readonly string[]): (peer: Uint8Array) => boolean {
  const isTrusted = createAddressTest(trustedProxies)
  return peer => peer.length > 0 && isTrusted(addressOfPeer(peer))
}

function createAddressTest (trustedProxies: readonly string[]): (address: Address) => boolean {
  const networks = trustedProxies.map(toNetwork)
  return address => networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
}

/** @param peer 4 or 16 bytes */
function addressOfPeer (peer: Uint8Array): Address {
  return withoutMapping(ipaddr.fromByteArray([...peer]))
}

function toNetwork (text: string): [Address, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

// Some proxies add the port. The library would also take forms such as 127.1 and 0x7f000001, which none writes.
function parse (hop: string): Address | undefined {
  const text = HOP_WITH_PORT.exec(hop)?.slice(1).find(Boolean) ?? hop
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : undefined
}

function withoutMapping (address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function toKey (address: Address): string {
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).map(part => part.toString(16)).join(':') : address.toString()
}
