import './header-size.js'                           // before the library, which reads it when it is loaded
import * as uws from 'uWebSockets.js'
import type { CloseCode } from '@fastify-uws-auth/auth-contract'
import type { Transport } from './connection-services.js'
import type { AddressedRefusal } from './handshake.js'
import { problemAnswer, type HttpAnswer } from './http-answer.js'
import { SUBPROTOCOL, type UpgradeRequest } from './upgrade.js'

export const IDLE_TIMEOUT_SECONDS = 60                       // pings at 44 s, before a proxy's 60 s
const SMALLEST_HARD_PAYLOAD_BYTES = 64 * 1024
/** How far above ours the library's limits are: beyond them it cuts the connection, or drops frames, without a close code. */
const HARD_PAYLOAD_FACTOR = 2
const HARD_BACKPRESSURE_FACTOR = 4
const SENT = 1
// The typings declare these two as types only.
const { SHARED_COMPRESSOR, LIBUS_LISTEN_EXCLUSIVE_PORT } = uws as unknown as { SHARED_COMPRESSOR: uws.CompressOptions, LIBUS_LISTEN_EXCLUSIVE_PORT: number }

/** Who comes in. Without `compresses` messages are taken as they are: unpacking costs more than sending. */
interface AnyEntry { kind: 'entered', compresses: boolean }

/** What the library's events lead to. `Opened` is what belongs to one socket. */
export interface UwsServerOptions<Entry extends AnyEntry, Opened> {
  /** Names a request. @param offered values of X-Request-Id */
  requestIdOf: (peer: Uint8Array, offered: readonly string[]) => string
  /** Considers an upgrade. Its promise never rejects; what it resolves to is called in the tick that opens the socket. */
  authenticate: (request: UpgradeRequest) => Promise<() => Entry | AddressedRefusal>
  onOpen: (entry: Entry, transport: Transport, request: UpgradeRequest) => Opened
  /** @param bytes valid during the call only */
  onMessage: (opened: Opened, bytes: ArrayBuffer, isBinary: boolean) => void
  /** A ping or pong came. */
  onControlFrame: (opened: Opened) => void
  /** @param code 1006 when no close frame came; then the reason is the library's */
  onClosed: (opened: Opened, code: number, reason: string, requestId: string) => void
  /** Answers what is not an upgrade of `/ws`, by method and path. */
  answer: (method: string, path: string, requestId: string) => HttpAnswer
  maxMessageBytes: number
  slowConsumerBytes: number
}

export interface UwsServer {
  /**
   * @param exclusive false to share the port with other processes of this server
   * @throws {Error} when the port cannot be had
   */
  listen (host: string, port: number, exclusive: boolean): Promise<void>
  /** No new connections; those that are open stay. */
  stopListening (): void
  /** Cuts everything that is left. */
  close (): void
}

/** What hangs on a socket of the library; nothing yet while the library opens it. */
type SocketData<Opened> = { transport?: UwsTransport<Opened> }
type Socket<Opened> = uws.WebSocket<SocketData<Opened>>

/** One socket of the library. */
class UwsTransport<Opened> implements Transport {
  socket: Socket<Opened> | undefined
  opened: Opened | undefined
  readonly requestId: string

  constructor (socket: Socket<Opened>, requestId: string) {
    this.socket = socket
    this.requestId = requestId
  }

  get bufferedBytes (): number { return this.socket?.getBufferedAmount() ?? 0 }

  send (text: string, compress: boolean): number {
    return this.socket!.send(text, false, compress) === SENT ? 0 : this.bufferedBytes
  }

  end (code: CloseCode, reason: string): void { this.socket!.end(code, reason) }
}

/** The socket library behind our own terms. No other module imports it. */
export function createUwsServer<Entry extends AnyEntry, Opened> (options: UwsServerOptions<Entry, Opened>): UwsServer {
  const app = uws.App()
  let listenSocket: uws.us_listen_socket | false = false
  const justOpened: Array<Socket<Opened>> = []
  // Bound, not a function of ours: that would be compiled when it is called, see upgrade.
  const keep: (socket: Socket<Opened>) => void = justOpened.push.bind(justOpened)
  const openedOf = (socket: Socket<Opened>) => socket.getUserData().transport?.opened
  const countControlFrame = (socket: Socket<Opened>) => {
    const opened = openedOf(socket)
    if (opened !== undefined) options.onControlFrame(opened)
  }

  app.ws<SocketData<Opened>>('/ws', {
    maxPayloadLength: Math.max(SMALLEST_HARD_PAYLOAD_BYTES, options.maxMessageBytes * HARD_PAYLOAD_FACTOR),
    maxBackpressure: options.slowConsumerBytes * HARD_BACKPRESSURE_FACTOR,
    compression: SHARED_COMPRESSOR,                   // one of each socket's own would cost 77 KB
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    upgrade: (res, req, context) => upgrade(res, req, context, options, justOpened),
    open: keep,
    message (socket, message, isBinary) {
      const opened = openedOf(socket)
      if (opened !== undefined) options.onMessage(opened, message, isBinary)
    },
    ping: countControlFrame,
    pong: countControlFrame,
    close (socket, code, reason) {
      const { transport } = socket.getUserData()
      if (transport === undefined) {                  // the library has closed it again at once
        justOpened.pop()
        return
      }
      transport.socket = undefined                    // a closed socket throws when it is touched
      if (transport.opened !== undefined) options.onClosed(transport.opened, code, Buffer.from(reason).toString(), transport.requestId)
    }
  })
  app.any('/*', (res, req) => {
    const method = req.getMethod()
    sendAnswer(res, options.answer(method, req.getUrl(), readRequest(res, req, options).requestId), method === 'head')
  })

  return {
    listen: (host, port, exclusive) => new Promise((resolve, reject) => {
      listen(app, host, port, exclusive ? LIBUS_LISTEN_EXCLUSIVE_PORT : 0, socket => {
        listenSocket = socket
        if (socket) resolve()
        else reject(new Error('the port cannot be had'))
      })
    }),
    stopListening () {
      if (listenSocket) uws.us_listen_socket_close(listenSocket)
      listenSocket = false
    },
    close () { app.close() }
  }
}

// The typings lack the form with both a host and options. Unless the port is asked for exclusively, a second program on
// it would take half of the connections, and nobody would notice.
function listen (app: uws.TemplatedApp, host: string, port: number, options: number, callback: (socket: uws.us_listen_socket | false) => void): void {
  const listenWithOptions = app.listen as unknown as (host: string, port: number, options: number, callback: (socket: uws.us_listen_socket | false) => void) => void
  listenWithOptions.call(app, host, port, options, callback)
}

// The request is only valid until this function awaits; the response until it is aborted.
async function upgrade<Entry extends AnyEntry, Opened> (res: uws.HttpResponse, req: uws.HttpRequest, context: uws.us_socket_context_t, options: UwsServerOptions<Entry, Opened>, justOpened: Array<Socket<Opened>>): Promise<void> {
  let aborted = false
  res.onAborted(() => { aborted = true })
  const request = readRequest(res, req, options)
  // RFC 6455, section 4.2.1. The library asks for neither; without the first it closes the socket and forgets to say so.
  if (!hasToken(req.getHeader('connection'), 'upgrade') || !hasToken(req.getHeader('upgrade'), 'websocket')) return sendAnswer(res, problemAnswer('upgrade_required', request.requestId))
  const key = req.getHeader('sec-websocket-key')
  const protocol = hasToken(req.getHeader('sec-websocket-protocol'), SUBPROTOCOL) ? SUBPROTOCOL : ''
  const extensions = req.getHeader('sec-websocket-extensions')

  const decide = await options.authenticate(request)
  if (aborted) return
  const outcome = decide()
  if (isRefusal(outcome) && !outcome.byCloseCode) return sendAnswer(res, problemAnswer(outcome.error, request.requestId, outcome))

  // An upgrade shrinks the library's memory of the connection in place. cork() does not notice, reads a word in what it has
  // given back, and closes the socket when it finds a certain bit there (uNetworking/uWebSockets, pull request 1929).
  // That word stays as it was unless something allocates 57 to 72 bytes before cork() ends, as the engine does when it
  // compiles a function or gives an object a property. So nothing of ours runs inside, and nothing hangs on the socket.
  const offered = !isRefusal(outcome) && outcome.compresses ? extensions : ''
  res.cork(() => res.upgrade<SocketData<Opened>>({}, key, protocol, offered, context))
  const socket = justOpened.pop()
  if (socket !== undefined) open(socket, outcome, request, options)
}

function open<Entry extends AnyEntry, Opened> (socket: Socket<Opened>, outcome: Entry | AddressedRefusal, request: UpgradeRequest, { onOpen }: UwsServerOptions<Entry, Opened>): void {
  const transport = new UwsTransport<Opened>(socket, request.requestId)
  socket.getUserData().transport = transport
  if (isRefusal(outcome)) socket.end(outcome.close, outcome.reason)
  else socket.cork(() => { transport.opened = onOpen(outcome, transport, request) })
}

function isRefusal (outcome: AnyEntry | AddressedRefusal): outcome is AddressedRefusal {
  return outcome.kind === 'refused'
}

function readRequest (res: uws.HttpResponse, req: uws.HttpRequest, { requestIdOf }: Pick<UwsServerOptions<AnyEntry, unknown>, 'requestIdOf'>): UpgradeRequest {
  const authorization: string[] = []
  const origin: string[] = []
  const forwardedFor: string[] = []
  const requestIds: string[] = []
  req.forEach((name, value) => {
    if (name === 'authorization') authorization.push(value)
    if (name === 'origin') origin.push(value)
    if (name === 'x-forwarded-for') forwardedFor.push(value)
    if (name === 'x-request-id') requestIds.push(value)
  })
  const peer = new Uint8Array(res.getRemoteAddress())
  return { requestId: requestIdOf(peer, requestIds), query: req.getQuery(), authorization, origin, forwardedFor, peer, version: req.getHeader('sec-websocket-version') }
}

// In a list such as `keep-alive, Upgrade` (RFC 9110, section 5.6.1).
function hasToken (list: string, token: string): boolean {
  return list.split(',').some(entry => entry.trim().toLowerCase() === token)
}

// The connection ends with the answer: what may follow an unusual body is not read as another request.
function sendAnswer (res: uws.HttpResponse, { status, headers, body }: HttpAnswer, headersOnly = false): void {
  res.cork(() => {
    res.writeStatus(status)
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value)
    if (!headersOnly) return res.end(body, true)
    // Given an argument, endWithoutBody waits for a body of it, and the library ends the process.
    return res.writeHeader('Content-Length', String(Buffer.byteLength(body))).endWithoutBody()
  })
}
