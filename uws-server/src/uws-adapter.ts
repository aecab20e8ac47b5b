import './header-size.js'                           // before the library, which reads it when it is loaded
import { randomUUID } from 'node:crypto'
import { App, us_listen_socket_close, type HttpRequest, type HttpResponse, type TemplatedApp, type us_listen_socket, type us_socket_context_t, type WebSocket } from 'uWebSockets.js'
import type { CloseCode, Principal } from '@fastify-uws-auth/auth-contract'
import type { Admission, Refusal } from './admission.js'
import type { Transport } from './connection.js'
import { problemAnswer, type HttpAnswer } from './http-answer.js'
import { SUBPROTOCOL, type UpgradeRequest } from './upgrade.js'

const IDLE_TIMEOUT_SECONDS = 60                       // pings at 44 s, before a proxy's 60 s
const HARD_BACKPRESSURE_BYTES = 1024 * 1024
const SMALLEST_HARD_PAYLOAD_BYTES = 64 * 1024
const EXCLUSIVE_PORT = 1                              // LIBUS_LISTEN_EXCLUSIVE_PORT, which the typings declare as a type only

/** What a socket of the library calls; one for each socket. */
export interface SocketHandlers {
  onMessage (bytes: Uint8Array, isBinary: boolean): void
  /** @param code 1006 when no close frame came; then the reason is the library's */
  onClosed (code: number, reason: string): void
}

export interface UwsServerOptions {
  /** Decides about an upgrade. Its promise never rejects. The handlers are asked for in the tick of its answer. */
  authenticate: (request: UpgradeRequest) => Promise<() => Admission>
  /** True when a refusal has to be said with a close code, because a page's script cannot read HTTP. */
  refusesWithCloseCode: (request: UpgradeRequest) => boolean
  onOpen: (principal: Principal, transport: Transport) => SocketHandlers
  /** Answers what is not an upgrade of `/ws`, by method and path. */
  answer: (method: string, path: string) => HttpAnswer
  maxMessageBytes: number
}

export interface UwsServer {
  /** @throws {Error} when the port cannot be had */
  listen (host: string, port: number): Promise<void>
  /** No new connections; those that are open stay. */
  stopListening (): void
  /** Cuts everything that is left. */
  close (): void
}

// The library copies this; what has to be reached from outside lies one level below.
interface SocketData { opened: { socket?: Socket }, handlers?: SocketHandlers }
type Socket = WebSocket<SocketData>

/** The socket library behind our own terms. No other module imports it. */
export function createUwsServer (options: UwsServerOptions): UwsServer {
  const app = App()
  let listenSocket: us_listen_socket | false = false

  app.ws<SocketData>('/ws', {
    // Above our own limits: beyond these the library cuts the connection without a close code.
    maxPayloadLength: Math.max(SMALLEST_HARD_PAYLOAD_BYTES, options.maxMessageBytes * 2),
    maxBackpressure: HARD_BACKPRESSURE_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    upgrade: (res, req, context) => upgrade(res, req, context, options),
    open: socket => { socket.getUserData().opened.socket = socket },
    message: (socket, message, isBinary) => socket.getUserData().handlers?.onMessage(new Uint8Array(message), isBinary),
    close (socket, code, reason) {
      const { opened, handlers } = socket.getUserData()
      opened.socket = undefined                       // a closed socket throws when it is touched
      handlers?.onClosed(code, Buffer.from(reason).toString())
    }
  })
  app.any('/*', (res, req) => {
    const method = req.getMethod()
    sendAnswer(res, options.answer(method, req.getUrl()), method === 'head')
  })

  return {
    listen: (host, port) => new Promise((resolve, reject) => {
      listenExclusively(app, host, port, socket => {
        listenSocket = socket
        if (socket) resolve()
        else reject(new Error('the port cannot be had'))
      })
    }),
    stopListening () {
      if (listenSocket) us_listen_socket_close(listenSocket)
      listenSocket = false
    },
    close () { app.close() }
  }
}

// The typings lack the form with both a host and options. Without the option a second process on the port would take
// half of the connections, and nobody would notice.
function listenExclusively (app: TemplatedApp, host: string, port: number, callback: (socket: us_listen_socket | false) => void): void {
  const listen = app.listen as unknown as (host: string, port: number, options: number, callback: (socket: us_listen_socket | false) => void) => void
  listen.call(app, host, port, EXCLUSIVE_PORT, callback)
}

// The request is only valid until this function awaits; the response until it is aborted.
async function upgrade (res: HttpResponse, req: HttpRequest, context: us_socket_context_t, options: UwsServerOptions): Promise<void> {
  let aborted = false
  res.onAborted(() => { aborted = true })
  // A handshake without the word (RFC 6455, section 4.2.1) makes the library close the socket and forget to say so.
  if (!hasToken(req.getHeader('connection'), 'upgrade')) return sendAnswer(res, problemAnswer('upgrade_required', randomUUID()))
  const request = readRequest(req)
  const key = req.getHeader('sec-websocket-key')
  const protocol = hasToken(req.getHeader('sec-websocket-protocol'), SUBPROTOCOL) ? SUBPROTOCOL : ''
  const usesCloseCode = options.refusesWithCloseCode(request)

  const decide = await options.authenticate(request)
  if (aborted) return
  const outcome = decide()
  if (outcome.kind === 'refused' && !usesCloseCode) return sendAnswer(res, problemAnswer(outcome.error, randomUUID()))

  // After the upgrade, cork() reads memory that the upgrade has given back, and closes the socket when it finds a
  // certain bit there (uNetworking/uWebSockets, issue 1928). So nothing that allocates may happen inside it: the
  // library's open handler only keeps the socket, and we open it afterwards, still in the same tick.
  const opened: SocketData['opened'] = {}
  res.cork(() => res.upgrade<SocketData>({ opened }, key, protocol, '', context))
  if (opened.socket) open(opened.socket, outcome, options)
}

function open (socket: Socket, outcome: Admission, options: UwsServerOptions): void {
  if (outcome.kind === 'refused') return endRefused(socket, outcome)
  socket.cork(() => {
    socket.getUserData().handlers = options.onOpen(outcome.principal, {
      send (text) {
        socket.send(text)
        return socket.getBufferedAmount()
      },
      end (code: CloseCode, reason: string) { socket.end(code, reason) }
    })
  })
}

function endRefused (socket: Socket, { close, reason }: Refusal): void {
  socket.end(close, reason)
}

function readRequest (req: HttpRequest): UpgradeRequest {
  const authorization: string[] = []
  const origin: string[] = []
  req.forEach((name, value) => {
    if (name === 'authorization') authorization.push(value)
    if (name === 'origin') origin.push(value)
  })
  return { query: req.getQuery(), authorization, origin, version: req.getHeader('sec-websocket-version') }
}

// In a list such as `keep-alive, Upgrade` (RFC 9110, section 5.6.1).
function hasToken (list: string, token: string): boolean {
  return list.split(',').some(entry => entry.trim().toLowerCase() === token)
}

// The connection ends with the answer: what may follow an unusual body is not read as another request.
function sendAnswer (res: HttpResponse, { status, headers, body }: HttpAnswer, headersOnly = false): void {
  res.cork(() => {
    res.writeStatus(status)
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value)
    if (!headersOnly) return res.end(body, true)
    // Given an argument, endWithoutBody waits for a body of it, and the library ends the process.
    return res.writeHeader('Content-Length', String(Buffer.byteLength(body))).endWithoutBody()
  })
}
