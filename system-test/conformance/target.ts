import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** The server under test and how to get to it. */
export interface Target {
  url: URL
  /** What the sockets connect to; `localhost` is 127.0.0.1. */
  host: string
  port: number
  /** A loopback address that nobody has used yet; undefined when every case has to come from the same one. */
  nextSource: () => string | undefined
}

/** Looks whether cases can have source addresses of their own. */
export async function findTarget (url: URL): Promise<Target> {
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80)
  const isLoopback = /^127\./.test(host)
  // Other addresses for each run: the server remembers for a minute what it has met.
  const networks = Array.from({ length: 4 }, () => `127.${randomInt(1, 255)}.${randomInt(0, 255)}`)
  const hasMany = isLoopback && await canListenOn(`${networks[0]}.1`)
  let given = 0
  const nextSource = () => `${networks[Math.floor(given / 250) % networks.length]}.${1 + given++ % 250}`
  return { url, host, port, nextSource: hasMany ? nextSource : () => undefined }
}

async function canListenOn (address: string): Promise<boolean> {
  const server = createServer()
  const outcome = new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false))
    server.once('listening', () => resolve(true))
  })
  server.listen(0, address)
  const can = await outcome
  server.close()
  return can
}

/** A bare connection, TLS for `wss:`. Errors are not thrown: the connection closes. */
export async function connectBare ({ host, port, url }: Target, source: string | undefined): Promise<Socket> {
  const options = { host, port, noDelay: true, ...source === undefined ? {} : { localAddress: source } }
  const isSecure = url.protocol === 'wss:'
  const socket = isSecure ? connectTls({ ...options, servername: url.hostname, ALPNProtocols: ['http/1.1'] }) : connect(options)
  socket.on('error', () => {})
  await Promise.race([once(socket, isSecure ? 'secureConnect' : 'connect'), once(socket, 'close')])
  return socket
}
