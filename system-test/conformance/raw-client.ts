import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { Unexpected, holds, show } from './expect.js'
import { CLOSE, TEXT, readFrame, type ServerFrame } from './frame-bytes.js'
import type { Frame } from './socket-client.js'
import { inTime } from './waiting.js'

export interface HandshakeOptions {
  method?: string
  version?: string
  path?: string
  host?: string
  /** In place of the usual ones; undefined leaves one out. */
  set?: Record<string, string | undefined>
  /** After the usual ones, also a second time. */
  add?: Array<[name: string, value: string]>
}

/** Of RFC 6455, section 1.3, as is its answer. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** The bytes of an opening handshake. */
export function handshake ({ method = 'GET', version = 'HTTP/1.1', path = '/ws', host = 'localhost', set = {}, add = [] }: HandshakeOptions): string {
  const usual = { Host: host, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY, ...set }
  const lines = [...Object.entries(usual).filter(([, value]) => value !== undefined), ...add].map(([name, value]) => `${name}: ${value}`)
  return `${method} ${path} ${version}\r\n${lines.join('\r\n')}\r\n\r\n`
}

export interface HttpHead { status: number, headers: Record<string, string> }

/** A WebSocket client that takes each byte from the caller and keeps each frame. */
export class RawClient {
  readonly socket: Socket
  /** Those that have come, control frames too. */
  readonly frames: ServerFrame[] = []
  #bytes: Buffer = Buffer.alloc(0)
  #isUpgraded = false
  #hasEnded: boolean
  readonly #news = new EventEmitter().setMaxListeners(0)

  constructor (socket: Socket) {
    this.socket = socket
    this.#hasEnded = socket.destroyed
    socket.on('data', chunk => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      if (this.#isUpgraded) this.#readFrames()
      this.#news.emit('news')
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#hasEnded = true
        this.#news.emit('news')
      })
    }
  }

  write (...bytes: Array<Uint8Array | string>): void {
    this.socket.write(Buffer.concat(bytes.map(part => Buffer.from(part as string))))
  }

  /** The answer to a handshake; undefined when the connection ended instead. After status 101 frames are read. */
  async head (): Promise<HttpHead | undefined> {
    await this.#until('an HTTP answer', () => this.#bytes.includes('\r\n\r\n'))
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const [first, ...lines] = this.#bytes.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const status = Number(first!.split(' ')[1])
    this.#bytes = this.#bytes.subarray(end + 4)
    this.#isUpgraded = status === 101
    if (this.#isUpgraded) this.#readFrames()
    return { status, headers }
  }

  /** The first frame that fits, which may have come already. */
  async frame (what: string, fits: (frame: ServerFrame) => boolean): Promise<ServerFrame> {
    await this.#until(what, () => this.frames.some(fits))
    const found = this.frames.find(fits)
    if (found === undefined) throw new Unexpected(what, this.#story())
    return found
  }

  /** The messages that have come. */
  get messages (): Frame[] {
    return this.frames.filter(({ opcode }) => opcode === TEXT).map(({ payload }) => JSON.parse(String(payload)) as Frame)
  }

  async message (what: string, fits: (message: Frame) => boolean): Promise<Frame> {
    const found = await this.frame(what, ({ opcode, payload }) => opcode === TEXT && fits(JSON.parse(String(payload)) as Frame))
    return JSON.parse(String(found.payload)) as Frame
  }

  /** Waits until the server ends the connection. @returns the code of its close frame; 1005 for an empty one, undefined for none */
  async ended (): Promise<number | undefined> {
    await this.#until('the end of the connection', () => false)
    const closing = this.frames.find(({ opcode }) => opcode === CLOSE)
    if (closing === undefined) return undefined
    return closing.payload.length < 2 ? 1005 : closing.payload.readUInt16BE(0)
  }

  /** Resolves when nothing of the connection is left. */
  async gone (): Promise<void> {
    while (!this.socket.destroyed) await once(this.#news, 'news')
  }

  /** Expects the end that a fault leads to: a close frame with one of these codes, or none, where the library cuts the connection. */
  async isFailedWith (...codes: number[]): Promise<void> {
    const code = await this.ended()
    holds(code === undefined || codes.includes(code), `close code ${codes.join(' or ')}, or a cut connection`, `${code}; ${this.#story()}`)
  }

  async #until (what: string, isSo: () => boolean): Promise<void> {
    const waiting = async () => {
      while (!isSo() && !this.#hasEnded) await once(this.#news, 'news')
    }
    await inTime(what, waiting(), () => this.#story())
  }

  #readFrames (): void {
    for (;;) {
      const read = readFrame(this.#bytes)
      if (read === undefined) return
      this.frames.push(read.frame)
      this.#bytes = read.rest
    }
  }

  #story (): string {
    const last = this.frames.slice(-3).map(({ opcode, payload }) => `opcode ${opcode} ${show(payload.subarray(0, 200).toString())}`)
    return [`${this.frames.length} frames`, ...last, this.#hasEnded ? 'connection ended' : 'connection open'].join(', ')
  }
}
