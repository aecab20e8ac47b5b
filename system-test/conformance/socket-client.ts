import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { WebSocket, type ClientOptions } from 'ws'
import { Unexpected, contains, same, show } from './expect.js'
import { parse, type HttpAnswer } from './http.js'
import { ANSWER_WITHIN_MS, inTime } from './waiting.js'

export interface Frame { type: string, id?: string, payload: Record<string, unknown> }
export interface Closing { code: number, reason: string }

/** What a handshake led to. */
export type Opening = { kind: 'open', client: SocketClient } | { kind: 'refused', answer: HttpAnswer }

/** A client that keeps what it was told. */
export class SocketClient {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  #closing: Closing | undefined
  readonly #news = new EventEmitter().setMaxListeners(0)

  private constructor (url: string, protocols: string[], options: ClientOptions) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options })
    this.socket.on('message', data => {
      this.frames.push(JSON.parse(String(data)) as Frame)
      this.#news.emit('news')
    })
    this.socket.on('error', () => {})                // a close follows
    this.socket.on('close', (code, reason) => {
      this.#closing = { code, reason: String(reason) }
      this.#news.emit('news')
    })
  }

  /** Resolves when the handshake is answered. */
  static async open (url: string, protocols: string[], options: ClientOptions): Promise<Opening> {
    const client = new SocketClient(url, protocols, options)
    const opened = once(client.socket, 'open').then((): Opening => ({ kind: 'open', client }))
    const refused = once(client.socket, 'unexpected-response').then(async ([, response]): Promise<Opening> => {
      const { statusCode, headers } = response as IncomingMessage
      const answer = { status: statusCode!, headers, body: parse(await text(response as IncomingMessage)) }
      client.socket.terminate()
      return { kind: 'refused', answer }
    })
    opened.catch(() => {})
    refused.catch(() => {})
    const cut = client.#untilClosed().then((): never => { throw new Unexpected('an answer to the handshake', 'the connection ended') })
    cut.catch(() => {})
    return await inTime('an answer to the handshake', Promise.race([opened, refused, cut]), () => 'nothing')
  }

  get closing (): Closing | undefined { return this.#closing }

  say (...messages: unknown[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message))
  }

  /** The first frame that fits, from the given index on, which may have come already. */
  async frame (what: string, fits: (frame: Frame) => boolean, { from = 0, withinMs = ANSWER_WITHIN_MS } = {}): Promise<Frame> {
    return await inTime(what, this.#find(what, fits, from), () => this.#story(), withinMs)
  }

  async type (type: string, options?: { from?: number, withinMs?: number }): Promise<Frame> {
    return await this.frame(`a frame ${type}`, frame => frame.type === type, options)
  }

  async answer (id: string): Promise<Frame> {
    return await this.frame(`an answer to message ${id}`, frame => frame.id === id)
  }

  /** Sends a message with an id and waits for its answer. */
  async ask (message: Record<string, unknown>): Promise<Frame> {
    const id = `ask-${asked++}`
    this.say({ id, ...message })
    return await this.answer(id)
  }

  /** Sends a message and expects the error that leaves the socket open. */
  async askError (message: Record<string, unknown>, code: string): Promise<Frame> {
    const answer = await this.ask(message)
    contains('an error frame', answer, { type: 'error', payload: { code, fatal: false } })
    return answer
  }

  /** Expects the socket to work: an echo is answered. */
  async works (): Promise<void> {
    const mark = `works-${asked++}`
    contains('an echo', await this.ask({ type: 'echo', payload: { mark } }), { type: 'echo', payload: { mark } })
  }

  async closed (withinMs = ANSWER_WITHIN_MS): Promise<Closing> {
    return await inTime('the socket closed', this.#untilClosed(), () => `it is open; ${this.#story()}`, withinMs)
  }

  /** Expects a close code. */
  async closesWith (code: number, withinMs?: number): Promise<void> {
    const closing = await this.closed(withinMs)
    if (closing.code !== code) throw new Unexpected(`close code ${code}`, `${closing.code} ${closing.reason}; ${this.#story()}`)
  }

  /** Expects an error frame with `fatal: true` as the last frame, then the close code. */
  async failsWith (error: string, code: number, withinMs?: number): Promise<void> {
    await this.closesWith(code, withinMs)
    contains('the last frame', this.frames.at(-1), { type: 'error', payload: { code: error, fatal: true, retryable: false } })
  }

  /** Expects no frame but the greeting before the close code. */
  async isTurnedAwayWith (code: number): Promise<void> {
    await this.closesWith(code)
    same('the number of frames "connected"', this.frames.filter(({ type }) => type === 'connected').length, 0)
  }

  async leave (): Promise<void> {
    this.socket.close()
    await this.closed()
  }

  async #find (what: string, fits: (frame: Frame) => boolean, from: number): Promise<Frame> {
    for (;;) {
      const found = this.frames.slice(from).find(fits)
      if (found) return found
      if (this.#closing) throw new Unexpected(what, this.#story())
      await once(this.#news, 'news')
    }
  }

  async #untilClosed (): Promise<Closing> {
    while (!this.#closing) await once(this.#news, 'news')
    return this.#closing
  }

  #story (): string {
    const last = this.frames.slice(-3).map(show)
    return [`${this.frames.length} frames`, ...last, ...this.#closing ? [`closed ${this.#closing.code} ${this.#closing.reason}`] : []].join(', ')
  }
}

let asked = 0
