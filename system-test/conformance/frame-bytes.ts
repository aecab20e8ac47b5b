export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export interface FrameOptions {
  opcode?: number
  payload?: Uint8Array | string
  fin?: boolean
  /** The three reserved bits, as a number from 0 to 7; RSV1 is 4. */
  rsv?: number
  /** Four bytes, or none for an unmasked frame. Zero bytes when not given. */
  mask?: Uint8Array | undefined
  /** Bytes of the length field, longer than needed; 1, 3 or 9. */
  lengthBytes?: 1 | 3 | 9
  /** Told instead of the payload's length, which then is not all there. */
  length?: bigint
}

/** One frame of RFC 6455, section 5.2, as wrong as the caller wants it. */
export function frame (options: FrameOptions = {}): Buffer {
  const { opcode = TEXT, payload = '', fin = true, rsv = 0, lengthBytes, length } = options
  const mask = 'mask' in options ? options.mask : new Uint8Array(4)
  const bytes = Buffer.from(payload as string)
  const told = length ?? BigInt(bytes.length)
  const size = lengthBytes ?? (told < 126n ? 1 : told < 65_536n ? 3 : 9)
  const head = Buffer.alloc(1 + size)
  head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode
  head[1] = (mask ? 0x80 : 0) | (size === 1 ? Number(told) : size === 3 ? 126 : 127)
  if (size === 3) head.writeUInt16BE(Number(told), 2)
  if (size === 9) head.writeBigUInt64BE(told, 2)
  return Buffer.concat([head, ...mask ? [mask, bytes.map((byte, index) => byte ^ mask[index % 4]!)] : [bytes]])
}

/** A message of ours as one text frame. */
export const message = (value: unknown) => frame({ payload: JSON.stringify(value) })

/** A close frame. */
export function closeFrame (code: number, reason: Uint8Array | string = ''): Buffer {
  return frame({ opcode: CLOSE, payload: Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason as string)]) })
}

export interface ServerFrame { fin: boolean, rsv: number, opcode: number, isMasked: boolean, payload: Buffer }

/** Takes the first frame of a server off these bytes; undefined when it has not come whole. */
export function readFrame (bytes: Buffer): { frame: ServerFrame, rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined
  const [first, second] = [bytes[0]!, bytes[1]!]
  const short = second & 0x7f
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const isMasked = second > 127
  const end = start + (isMasked ? 4 : 0) + length
  if (bytes.length < end) return undefined
  const payload = bytes.subarray(end - length, end)
  return { frame: { fin: first > 127, rsv: first >> 4 & 7, opcode: first & 15, isMasked, payload }, rest: bytes.subarray(end) }
}
