import { connect, type Socket } from 'node:net'

/** What a socket without a close frame counts as. */
export const NO_CLOSE_FRAME = 1006

const HANDSHAKE_END = '\r\n\r\n'
const LONGEST_HANDSHAKE_BYTES = 16_384
const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

// One for all sockets of the process: a read is used up before the next one happens.
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

export interface LeanSocketOptions {
  port: number
  /** Of the loopback network: one address has ports for some 28,000 connections. */
  localAddress: string
  handshake: Buffer
  onOpen: (socket: LeanSocket) => void
  onMessage: (socket: LeanSocket, text: string) => void
  /** Once, at the close frame or the end without one. @param code below 1000 the HTTP status of a refusal */
  onClosed: (socket: LeanSocket, code: number) => void
}

/**
 * As little of a WebSocket client as a hundred thousand of them need: whole frames of the server in, text frames with
 * a mask of zeros out. It checks nothing that it is told.
 */
export class LeanSocket {
  readonly #socket: Socket
  readonly #options: LeanSocketOptions
  #rest: Buffer | undefined
  #open = false
  #closed = false

  constructor (options: LeanSocketOptions) {
    this.#options = options
    this.#socket = connect({
      host: '127.0.0.1',
      port: options.port,
      localAddress: options.localAddress,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (bytes, buffer) => this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes)) }
    })
    this.#socket.on('error', () => {})                // 'close' follows
    this.#socket.once('connect', () => this.#socket.write(options.handshake))
    this.#socket.once('close', () => this.#tellClosed(NO_CLOSE_FRAME))
  }

  get isOpen (): boolean { return this.#open && !this.#closed }

  /** Bytes that the server has not taken yet. */
  get waitingBytes (): number { return this.#socket.writableLength }

  send (text: string): void { this.sendFrame(encodeTextFrame(text)) }

  /** @param frame made before, for those who send the same again and again */
  sendFrame (frame: Uint8Array): void { this.#socket.write(frame) }

  pause (): void { this.#socket.pause() }
  resume (): void { this.#socket.resume() }

  /** Cuts the connection, which leaves no port in TIME_WAIT. `onClosed` is not called. */
  reset (): void {
    this.#closed = true
    this.#socket.resetAndDestroy()
  }

  #read (bytes: Buffer): boolean {
    const data = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = undefined
    const used = this.#readFrames(data, this.#open ? 0 : this.#readHandshake(data))
    if (used < data.length && !this.#closed) this.#rest = Buffer.from(data.subarray(used))
    return true
  }

  #readHandshake (data: Buffer): number {
    const end = data.indexOf(HANDSHAKE_END)
    if (end === -1) {
      if (data.length > LONGEST_HANDSHAKE_BYTES) this.#refused(0)
      return 0
    }
    const status = Number(data.toString('latin1', 9, 12))
    if (status !== 101) {
      this.#refused(status)
      return data.length
    }
    this.#open = true
    this.#options.onOpen(this)
    return end + HANDSHAKE_END.length
  }

  #refused (status: number): void {
    this.#tellClosed(status)
    this.#socket.destroy()
  }

  #readFrames (data: Buffer, start: number): number {
    let offset = start
    while (this.isOpen && data.length - offset >= 2) {
      const short = data[offset + 1]!
      const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10
      if (data.length - offset < headerBytes) break
      const length = short < 126 ? short : short === 126 ? data.readUInt16BE(offset + 2) : data.readUInt32BE(offset + 6)
      const end = offset + headerBytes + length
      if (data.length < end) break
      this.#takeFrame(data[offset]! & 15, data, offset + headerBytes, end)
      offset = end
    }
    return offset
  }

  #takeFrame (opcode: number, data: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.text || opcode === OPCODE.binary) return this.#options.onMessage(this, data.toString('utf8', start, end))
    if (opcode === OPCODE.ping) return this.sendFrame(encodeFrame(OPCODE.pong, data.subarray(start, end)))
    if (opcode !== OPCODE.close) return
    this.#tellClosed(end - start >= 2 ? data.readUInt16BE(start) : 1005)
    this.#socket.end()
  }

  #tellClosed (code: number): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.onClosed(this, code)
  }
}

/** The bytes of an upgrade request. */
export function encodeHandshake (path: string, headers: Record<string, string> = {}): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${lines.join('')}\r\n`)
}

export function encodeTextFrame (text: string): Buffer {
  return encodeFrame(OPCODE.text, Buffer.from(text))
}

/** A whole frame, masked with zeros: the payload stays as it is. */
export function encodeFrame (opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.alloc(2 + lengthBytes + 4 + length)
  frame[0] = 128 | opcode
  frame[1] = 128 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2)
  if (lengthBytes === 8) frame.writeUInt32BE(length, 6)
  frame.set(payload, 2 + lengthBytes + 4)
  return frame
}
