import t from 'tap'
import ipaddr from 'ipaddr.js'
import { createAddressReader } from '../src/client-address.js'

function addressOf (peer: string, forwardedFor: string[] = [], trustedProxies: string[] = []): string {
  return createAddressReader(trustedProxies)({ peer: Uint8Array.from(ipaddr.parse(peer).toByteArray()), forwardedFor })
}

t.test('IPv4 by address, in either form', async t => {
  t.equal(addressOf('192.0.2.1'), '192.0.2.1')
  t.equal(addressOf('::ffff:192.0.2.1'), '192.0.2.1')
})

t.test('IPv6 by /64', async t => {
  t.equal(addressOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
  t.equal(addressOf('2001:db8:1:2::1'), addressOf('2001:db8:1:2:ffff:ffff:ffff:ffff'))
  t.not(addressOf('2001:db8:1:2::1'), addressOf('2001:db8:1:3::1'))
})

t.test('a connection that is gone has no address', async t => {
  t.equal(createAddressReader(['127.0.0.1'])({ peer: new Uint8Array(), forwardedFor: ['198.51.100.7'] }), 'gone')
})

t.test('what strangers forward is ignored', async t => {
  t.equal(addressOf('192.0.2.1', ['198.51.100.7']), '192.0.2.1')
  t.equal(addressOf('192.0.2.1', ['198.51.100.7'], ['192.0.2.2']), '192.0.2.1')
})

t.test('behind a trusted proxy: the last address that is not a proxy', async t => {
  const proxies = ['127.0.0.1', '10.0.0.0/8', '2001:db8:ffff::/48']
  t.equal(addressOf('127.0.0.1', ['198.51.100.7'], proxies), '198.51.100.7')
  t.equal(addressOf('::ffff:127.0.0.1', ['::ffff:198.51.100.7'], proxies), '198.51.100.7')
  t.equal(addressOf('127.0.0.1', ['203.0.113.9, 198.51.100.7, 10.1.2.3'], proxies), '198.51.100.7', 'what a client forged stands before it')
  t.equal(addressOf('127.0.0.1', ['203.0.113.9', '198.51.100.7', '10.1.2.3'], proxies), '198.51.100.7', 'in several headers')
  t.equal(addressOf('2001:db8:ffff::1', ['2001:db8:1:2::9'], proxies), '2001:db8:1:2')
  t.equal(addressOf('127.0.0.1', ['198.51.100.7:1234'], proxies), '198.51.100.7', 'with a port')
  t.equal(addressOf('127.0.0.1', ['[2001:db8:1:2::9]:1234'], proxies), '2001:db8:1:2')
})

t.test('what is no address ends the chain', async t => {
  const proxies = ['127.0.0.1', '10.0.0.0/8']
  for (const value of ['', 'unknown', 'evil.example', '198.51.100.7:x', '[198.51.100.7', '127.1', '127.1:80', '0x7f000001', '198.51.100.7 x']) {
    t.equal(addressOf('127.0.0.1', [value], proxies), '127.0.0.1', `"${value}"`)
    t.equal(addressOf('127.0.0.1', [`${value}, 10.0.0.2`], proxies), '10.0.0.2', `"${value}" before a proxy`)
  }
  t.equal(addressOf('127.0.0.1', [], proxies), '127.0.0.1')
  t.equal(addressOf('127.0.0.1', ['10.0.0.1, 10.0.0.2'], proxies), '10.0.0.1', 'proxies only')
})
