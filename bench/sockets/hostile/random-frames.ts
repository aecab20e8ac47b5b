import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DIALECTS } from '../dialects.js'
import { encodeFrame, encodeTextFrame } from '../lean-client.js'

const CONNECTIONS = 50
const LONGEST_PAUSE_MS = 5
const TYPES = ['ping', 'echo', 'auth', 'reauth', 'bye', 'login', 'register', 'connected', '__proto__', '']
const LENGTHS = [0, 1, 100, 125, 126, 127, 1024, 16_383, 16_385, 65_535, 65_536, 70_000]
const WORDS_OF_JSON = ['{', '}', '[', ']', '"', ':', ',', 'null', 'true', '1e999', '\\ud800', '\u0000', '"type"', '"payload"', '"__proto__"']

export interface Target {
  port: number
  tokens: string[]
  /** Source addresses: connections that end by the hundred a second use up the ports of one. */
  addresses: string[]
  random: () => number
}

/**
 * Sends garbage on 50 connections at once for so long: bytes of no frame, frames of every opcode with wrong lengths,
 * masks and texts, messages of the contract with the wrong content. A connection that was closed is opened anew.
 * @returns how much was sent
 */
export async function sendRandomFrames (target: Target, milliseconds: number): Promise<{ frames: number, connections: number }> {
  const end = performance.now() + milliseconds
  const total = { frames: 0, connections: 0 }
  await Promise.all(Array.from({ length: CONNECTIONS }, async (_, i) => {
    while (performance.now() < end) {
      const frames = await sendUntilClosed(target, i, end)
      if (frames > 0) total.connections += 1
      total.frames += frames
    }
  }))
  return total
}

async function sendUntilClosed ({ port, tokens, addresses, random }: Target, index: number, end: number): Promise<number> {
  const localAddress = addresses[index % addresses.length]!
  // Half open, so that it ends with the reset below and leaves no port in TIME_WAIT.
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true, allowHalfOpen: true })
  const closed = new Promise<void>(resolve => socket.once('close', resolve).once('end', resolve))
  const over = new AbortController()
  closed.then(() => over.abort())
  socket.on('error', () => {}).on('data', () => {})
  const connected = await Promise.race([once(socket, 'connect').then(() => true, () => false), closed.then(() => false)])
  if (!connected) return 0
  socket.write(DIALECTS.ours.handshake(tokens[index % tokens.length]!))
  let frames = 0
  while (!over.signal.aborted && performance.now() < end) {
    send(socket, randomBytes(random), random)
    frames += 1
    await sleep(random() * LONGEST_PAUSE_MS)
  }
  socket.resetAndDestroy()
  return frames
}

// Some in one piece, some in two with a pause that the server has to remember the first for.
function send (socket: Socket, bytes: Buffer, random: () => number): void {
  const cut = random() < 0.7 ? bytes.length : Math.floor(random() * bytes.length)
  socket.write(bytes.subarray(0, cut))
  if (cut < bytes.length) setTimeout(() => socket.write(bytes.subarray(cut)), random() * LONGEST_PAUSE_MS)
}

function randomBytes (random: () => number): Buffer {
  const kind = random()
  if (kind < 0.5) return encodeTextFrame(randomMessage(random))
  if (kind < 0.7) return encodeTextFrame(randomJsonText(random))
  if (kind < 0.85) return withMask(encodeFrame(Math.floor(random() * 16), noise(pick([0, 1, 100, 125], random), random)), random)
  const frame = encodeFrame(pick([1, 2, 0, 9, 10], random), noise(pick(LENGTHS, random), random))
  if (kind < 0.95) {
    frame[0] = (frame[0]! & 15) | (Math.floor(random() * 16) << 4)     // FIN and the reserved bits
    return withMask(frame, random)
  }
  return noise(Math.floor(random() * 2000), random)
}

function randomMessage (random: () => number): string {
  const text = 'x'.repeat(pick([0, 10, 64, 65, 1000, 15_000], random))
  const values: unknown[] = [undefined, null, 0, text, [], {}, { text }, [[text]], { __proto__: null, constructor: text }]
  return JSON.stringify({ type: random() < 0.9 ? pick(TYPES, random) : pick(values, random), id: pick(values, random), payload: pick(values, random), access: pick(values, random) })
}

function randomJsonText (random: () => number): string {
  return Array.from({ length: Math.floor(random() * 200) }, () => pick(WORDS_OF_JSON, random)).join('')
}

function withMask (frame: Buffer, random: () => number): Buffer {
  if (random() < 0.5) frame[1] = frame[1]! & 127
  return frame
}

function noise (length: number, random: () => number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = Math.floor(random() * 256)
  return bytes
}

function pick<T> (values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)]!
}
