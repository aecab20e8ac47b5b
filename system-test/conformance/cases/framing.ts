import { holds, oneOf, same } from '../expect.js'
import { BINARY, CLOSE, PING, PONG, TEXT, closeFrame, frame, message, type FrameOptions } from '../frame-bytes.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'

const ECHO = '{"type":"echo","id":"echo","payload":{"text":"äöü 田 😀"}}'
const CONTINUATION = 0
const HANGUP_PROTOCOL = 1002

const breaksProtocol = (sentence: string, ...frames: FrameOptions[]) => ({
  sentence: `${sentence} ends the connection (1002, or cut), and nothing of it is executed`,
  async play (scene: Scene) {
    const client = await scene.raw()
    client.write(...frames.map(frame))
    await client.isFailedWith(HANGUP_PROTOCOL)
    same('echoes', client.messages.filter(({ type }) => type === 'echo').length, 0)
  }
})

const isBadText = (sentence: string, ...frames: FrameOptions[]) => ({
  sentence: `${sentence} is no UTF-8: the connection ends (1007, or cut)`,
  async play (scene: Scene) {
    const client = await scene.raw()
    client.write(...frames.map(frame))
    await client.isFailedWith(1007)
  }
})

const isAnswered = (sentence: string, ...frames: FrameOptions[]) => ({
  sentence,
  async play (scene: Scene) {
    const client = await scene.raw()
    client.write(...frames.map(frame))
    const { payload } = await client.message('the echo', ({ id }) => id === 'echo')
    same('the text', payload['text'], 'äöü 田 😀')
  }
})

/** One message over so many frames. */
function inFragments (text: Uint8Array | string, bytesEach: number): FrameOptions[] {
  const bytes = Buffer.from(text as string)
  const count = Math.ceil(bytes.length / bytesEach)
  return Array.from({ length: count }, (_, index) => ({
    opcode: index === 0 ? TEXT : CONTINUATION,
    fin: index === count - 1,
    payload: bytes.subarray(index * bytesEach, (index + 1) * bytesEach)
  }))
}

const quoted = (...bytes: number[]) => Buffer.from([0x22, ...bytes, 0x22])
const [head, ...tail] = inFragments(ECHO, 20)

/** RFC 6455, sections 5, 6 and 8.1. */
export const FRAMING = inGroup('FRAME', [
  isAnswered('a text frame with a mask of random bytes is answered', { payload: ECHO, mask: Uint8Array.of(0xa5, 1, 0xff, 0x7e) }),
  isAnswered('a text frame with a mask of zero bytes is answered', { payload: ECHO, mask: new Uint8Array(4) }),
  isAnswered('a message in fragments of one byte is answered', ...inFragments(ECHO, 1)),
  isAnswered('a message with empty fragments at all places is answered', { fin: false }, { opcode: CONTINUATION, fin: false }, { opcode: CONTINUATION, fin: false, payload: ECHO }, { opcode: CONTINUATION }),
  isAnswered('a ping between two fragments changes nothing', head!, { opcode: PING, payload: 'between' }, ...tail),
  isAnswered('a pong that nobody asked for changes nothing', { opcode: PONG, payload: 'unasked' }, { opcode: PONG }, { payload: ECHO }),
  {
    sentence: 'frames that come byte by byte are answered',
    async play (scene) {
      const client = await scene.raw()
      for (const byte of Buffer.concat([frame({ opcode: PING, payload: 'slow' }), frame({ payload: ECHO }), ...inFragments(ECHO.replace('echo","pay', 'more","pay'), 9).map(frame)])) {
        client.write(Buffer.of(byte))
        await new Promise<void>(resolve => setImmediate(resolve))
      }
      for (const wanted of ['echo', 'more']) await client.message(`the answer to ${wanted}`, ({ id }) => id === wanted)
    }
  },
  {
    sentence: 'thirty frames in one segment are all answered, in their order',
    async play (scene) {
      const client = await scene.raw()
      const ids = Array.from({ length: 30 }, (_, n) => `one-${n}`)
      client.write(...ids.map(id => message({ type: 'ping', id })))
      await client.message('the last answer', ({ id }) => id === ids.at(-1))
      same('the ids', client.messages.slice(1).map(({ id }) => id).join(), ids.join())
    }
  },
  ...[0, 1, 125].map(length => ({
    sentence: `a ping with ${length} bytes is answered by a pong with the same ones`,
    async play (scene: Scene) {
      const client = await scene.raw()
      const payload = Buffer.from(Array.from({ length }, (_, index) => 255 - index))
      client.write(frame({ opcode: PING, payload }))
      const pong = await client.frame('a pong', ({ opcode }) => opcode === PONG)
      same('the bytes', pong.payload.toString('hex'), payload.toString('hex'))
    }
  })),
  {
    sentence: 'the server\'s frames are not masked and have no reserved bits; its control frames are whole and short',
    async play (scene) {
      const client = await scene.raw()
      client.write(frame({ opcode: PING, payload: 'p' }), message({ type: 'echo', id: 'long', payload: { text: 'x'.repeat(5000) } }), message({ type: 'bye' }))
      await client.ended()
      same('the kinds of frames', [...new Set(client.frames.map(({ opcode }) => opcode))].sort((a, b) => a - b).join(), `${TEXT},${CLOSE},${PONG}`)
      for (const { isMasked, rsv, fin, opcode, payload } of client.frames) {
        holds(!isMasked && rsv === 0, 'no mask and no reserved bits', { isMasked, rsv })
        holds(opcode < 8 || (fin && payload.length <= 125), 'a whole control frame of at most 125 bytes', { opcode, fin, length: payload.length })
      }
    }
  },
  ...[['text frame', { payload: ECHO }], ['ping', { opcode: PING }], ['close', { opcode: CLOSE, payload: Buffer.of(3, 0xe8) }]].map(([kind, options]) => ({
    // uWebSockets.js takes the next four bytes for the mask, so that it notices with the next frame.
    sentence: `an unmasked ${String(kind)} ends the connection, at the latest with the next frames, and nothing of it is executed`,
    async play (scene: Scene) {
      const client = await scene.raw()
      client.write(frame({ ...options as FrameOptions, mask: undefined }), ...Array.from({ length: 3 }, () => message({ type: 'ping', id: 'next' })))
      await client.isFailedWith(HANGUP_PROTOCOL, 1000, 1003, 1005, 1007)
      same('echoes', client.messages.filter(({ type }) => type === 'echo').length, 0)
    }
  })),
  ...[4, 2, 1].map(rsv => breaksProtocol(`the reserved bit RSV${3 - Math.log2(rsv)} without an extension`, { payload: ECHO, rsv })),
  breaksProtocol('a reserved bit in a ping', { opcode: PING, rsv: 4 }),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(opcode => breaksProtocol(`the reserved opcode ${opcode}`, { opcode, payload: ECHO })),
  breaksProtocol('a fragmented ping', { opcode: PING, fin: false }, { opcode: CONTINUATION, payload: ECHO }),
  breaksProtocol('a fragmented close', { opcode: CLOSE, fin: false, payload: Buffer.of(3, 0xe8) }),
  breaksProtocol('a ping of 126 bytes', { opcode: PING, payload: 'x'.repeat(126) }),
  breaksProtocol('a close of 126 bytes', { opcode: CLOSE, payload: Buffer.concat([Buffer.of(3, 0xe8), Buffer.alloc(124, 'x')]) }),
  breaksProtocol('a continuation without a beginning', { opcode: CONTINUATION, payload: ECHO }),
  breaksProtocol('a continuation behind a whole message', { opcode: PING }, { opcode: CONTINUATION, fin: false, payload: ECHO }),
  breaksProtocol('a new message inside a fragmented one', head!, { payload: ECHO }),
  {
    sentence: 'a binary frame inside a fragmented text message ends the connection (1002, or cut; 1003 as any binary frame)',
    async play (scene) {
      const client = await scene.raw()
      client.write(frame(head), frame({ opcode: BINARY, payload: ECHO }))
      await client.isFailedWith(HANGUP_PROTOCOL, 1003)
      same('echoes', client.messages.filter(({ type }) => type === 'echo').length, 0)
    }
  },
  isBadText('the byte FF', { payload: quoted(0xff) }),
  isBadText('a lone continuation byte', { payload: quoted(0x80) }),
  isBadText('an overlong slash', { payload: quoted(0xc0, 0xaf) }),
  isBadText('half of a surrogate pair', { payload: quoted(0xed, 0xa0, 0x80) }),
  isBadText('a character above U+10FFFF', { payload: quoted(0xf4, 0x90, 0x80, 0x80) }),
  isBadText('a character that is cut off at the end of the message', { payload: Buffer.of(0x22, 0xe7, 0x94) }),
  isBadText('a bad byte in the last of three fragments', { fin: false, payload: '"a' }, { opcode: CONTINUATION, fin: false, payload: 'b' }, { opcode: CONTINUATION, payload: Buffer.of(0xff, 0x22) }),
  isBadText('a character split over fragments whose second half is wrong', { fin: false, payload: Buffer.of(0x22, 0xe7) }, { opcode: CONTINUATION, payload: Buffer.of(0x41, 0x41, 0x22) }),
  {
    sentence: 'a binary message in fragments is 1003 as a whole one is',
    async play (scene) {
      const client = await scene.raw()
      client.write(...inFragments(ECHO, 20).map((options, index) => frame(index === 0 ? { ...options, opcode: BINARY } : options)))
      same('the close code', await client.ended(), 1003)
    }
  },
  {
    sentence: 'fragments of together 16,385 bytes: error payload_too_large, then 1009',
    async play (scene) {
      const client = await scene.raw()
      client.write(...inFragments('x'.repeat(16_385), 1000).map(frame))
      same('the close code', await client.ended(), 1009)
      same('the code', client.messages.at(-1)?.payload['code'], 'payload_too_large')
    }
  },
  {
    sentence: 'fragments without end are not collected: the connection ends (1009, or cut)',
    async play (scene) {
      const client = await scene.raw()
      client.write(frame({ fin: false, payload: '"' }), ...Array.from({ length: 300 }, () => frame({ opcode: CONTINUATION, fin: false, payload: 'x'.repeat(1000) })))
      await client.isFailedWith(1009)
    }
  },
  ...[100_000_000n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n].map(length => ({
    sentence: `a frame that announces ${length} bytes ends the connection at once (1009, 1002, or cut)`,
    async play (scene: Scene) {
      const client = await scene.raw()
      client.write(frame({ length, payload: 'x'.repeat(100) }))
      await client.isFailedWith(1009, HANGUP_PROTOCOL)
    }
  })),
  {
    sentence: 'a length that is written with more bytes than it needs is refused, or means the same',
    async play (scene) {
      for (const lengthBytes of [3, 9] as const) {
        const client = await scene.raw()
        client.write(frame({ lengthBytes, payload: '{"type":"ping","id":"p"}' }), closeFrame(1000))
        await client.isFailedWith(1000, HANGUP_PROTOCOL)
      }
    }
  }
])

/** RFC 6455, section 7. */
export const CLOSING = inGroup('CLOSE', [
  ...[1000, 1001, 1003, 1007, 1011, 4000, 4999].map(code => ({
    sentence: `close code ${code} of the client is echoed, and the server ends the connection`,
    async play (scene: Scene) {
      const client = await scene.raw()
      client.write(closeFrame(code, 'reason'))
      same('the close code', await client.ended(), code)
    }
  })),
  ...[3000, 3999].map(code => ({
    sentence: `close code ${code} of the client is echoed, or answered by a close without a code, as uWebSockets.js does`,
    async play (scene: Scene) {
      const client = await scene.raw()
      client.write(closeFrame(code))
      oneOf('the close code', await client.ended(), [code, 1005])
    }
  })),
  {
    sentence: 'a close without a code is answered by a close without one, or with 1000',
    async play (scene) {
      const client = await scene.raw()
      client.write(frame({ opcode: CLOSE }))
      const code = await client.ended()
      holds(code === 1005 || code === 1000, 'an empty close, or 1000', code)
    }
  },
  {
    sentence: 'messages before a close are answered, those behind it are not',
    async play (scene) {
      const client = await scene.raw()
      client.write(message({ type: 'ping', id: 'before' }), closeFrame(1000), message({ type: 'ping', id: 'behind' }))
      same('the close code', await client.ended(), 1000)
      same('the ids', client.messages.slice(1).map(({ id }) => id).join(), 'before')
      same('the last frame', client.frames.at(-1)?.opcode, CLOSE)
    }
  },
  {
    sentence: 'a close of one byte ends the connection (1002, or cut or empty)',
    async play (scene) {
      const client = await scene.raw()
      client.write(frame({ opcode: CLOSE, payload: Buffer.of(3) }))
      await client.isFailedWith(HANGUP_PROTOCOL, 1005)
    }
  },
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(code => ({
    sentence: `close code ${code}, which nobody may send, ends the connection and is not echoed`,
    async play (scene: Scene) {
      const client = await scene.raw()
      client.write(closeFrame(code))
      await client.isFailedWith(HANGUP_PROTOCOL, 1005)
    }
  })),
  {
    sentence: 'a close whose reason is no UTF-8 ends the connection (1007, or cut or empty)',
    async play (scene) {
      const client = await scene.raw()
      client.write(closeFrame(1000, Buffer.of(0xff, 0xfe)))
      await client.isFailedWith(1007, HANGUP_PROTOCOL, 1005)
    }
  },
  {
    sentence: 'a close with a reason of 123 bytes is echoed',
    async play (scene) {
      const client = await scene.raw()
      client.write(closeFrame(1000, 'x'.repeat(123)))
      same('the close code', await client.ended(), 1000)
    }
  },
  {
    sentence: 'a client that ends its half of the connection without a close frame is let go',
    async play (scene) {
      const client = await scene.raw()
      client.socket.end()
      await client.isFailedWith(1000, 1001, 1005)
    }
  }
])
