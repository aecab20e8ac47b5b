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
  onClosed (): void
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

interface SocketData { outcome: Admission, handlers?: SocketHandlers }
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
    open: socket => open(socket, options),
    message: (socket, message, isBinary) => socket.getUserData().handlers?.onMessage(new Uint8Array(message), isBinary),
    close: socket => socket.getUserData().handlers?.onClosed()
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
  const request = readRequest(req)
  const key = req.getHeader('sec-websocket-key')
  const offered = req.getHeader('sec-websocket-protocol').split(',').map(name => name.trim())
  const protocol = offered.includes(SUBPROTOCOL) ? SUBPROTOCOL : ''
  const usesCloseCode = options.refusesWithCloseCode(request)

  const decide = await options.authenticate(request)
  if (aborted) return
  const outcome = decide()
  res.cork(() => {
    if (outcome.kind === 'refused' && !usesCloseCode) sendAnswer(res, problemAnswer(outcome.error, randomUUID()))
    else res.upgrade<SocketData>({ outcome }, key, protocol, '', context)          // calls open at once
  })
}

function open (socket: Socket, options: UwsServerOptions): void {
  const data = socket.getUserData()
  if (data.outcome.kind === 'refused') return endRefused(socket, data.outcome)
  data.handlers = options.onOpen(data.outcome.principal, {
    send (text) {
      socket.send(text)
      return socket.getBufferedAmount()
    },
    end (code: CloseCode, reason: string) { socket.end(code, reason) }
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

function sendAnswer (res: HttpResponse, { status, headers, body }: HttpAnswer, headersOnly = false): void {
  res.cork(() => {
    res.writeStatus(status)
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value)
    if (!headersOnly) return res.end(body)
    // Given a length, endWithoutBody waits for a body of it, and the library ends the process.
    return res.writeHeader('Content-Length', String(Buffer.byteLength(body))).endWithoutBody()
  })
}
