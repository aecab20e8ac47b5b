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
  /** PEM of the authority that signed the certificate, when the system does not trust it. */
  ca?: string
  /** A loopback address that nobody has used yet; undefined when every case has to come from the same one. */
  nextSource: () => string | undefined
}

/**
 * Looks whether cases can have source addresses of their own.
 * @param reached how, where the URL's name does not lead there or the system does not trust the certificate
 */
export async function findTarget (url: URL, reached: Pick<Target, 'ca'> & { host?: string } = {}): Promise<Target> {
  const host = reached.host ?? addressOf(url)
  const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80)
  const isLoopback = /^127\./.test(host)
  // Other addresses for each run: the server remembers for a minute what it has met.
  const networks = Array.from({ length: 4 }, () => `127.${randomInt(1, 255)}.${randomInt(0, 255)}`)
  const hasMany = isLoopback && await canListenOn(`${networks[0]}.1`)
  let given = 0
  const nextSource = () => `${networks[Math.floor(given / 250) % networks.length]}.${1 + given++ % 250}`
  return { ...reached, url, host, port, nextSource: hasMany ? nextSource : () => undefined }
}

/** What to connect to for a URL; `localhost` is 127.0.0.1. */
export function addressOf ({ hostname }: URL): string {
  return hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '')
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

/** The TCP connections below TLS, which alone can be reset. */
const below = new WeakMap<Socket, Socket>()

/** Begins a connection, TLS for `wss:`. */
export function beginConnection ({ host, port, url, ca }: Target, source: string | undefined): Socket {
  const tcp = connect({ host, port, noDelay: true, ...source === undefined ? {} : { localAddress: source } })
  if (url.protocol !== 'wss:') return tcp
  const socket = connectTls({ socket: tcp, servername: url.hostname, ALPNProtocols: ['http/1.1'], ...ca === undefined ? {} : { ca } })
  tcp.on('error', err => socket.destroy(err))
  below.set(socket, tcp)
  return socket
}

/** Ends a connection without a word, by RST. */
export function reset (socket: Socket): void {
  (below.get(socket) ?? socket).resetAndDestroy()
  socket.destroy()
}

/** A bare connection. Errors are not thrown: the connection closes. */
export async function connectBare (target: Target, source: string | undefined): Promise<Socket> {
  const socket = beginConnection(target, source)
  socket.on('error', () => {})
  await Promise.race([once(socket, target.url.protocol === 'wss:' ? 'secureConnect' : 'connect'), once(socket, 'close')])
  return socket
}
