import ipaddr from 'ipaddr.js'

/** What one source counts as: an IPv4 address, also one in IPv6 form, or the /64 of an IPv6 address; undefined for what is no address. */
export function networkOf (ip: string): string | undefined {
  if (!ipaddr.isValid(ip)) return undefined
  const address = ipaddr.process(ip)
  return address instanceof ipaddr.IPv6 ? `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/64`).toString()}/64` : address.toString()
}
