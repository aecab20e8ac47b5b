import { randomBytes, randomInt } from 'node:crypto'
import { Skip, holds, same } from '../expect.js'
import { frame } from '../frame-bytes.js'
import type { RawClient } from '../raw-client.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'
import type { SocketClient } from '../socket-client.js'
import { reset } from '../target.js'
import { pause } from '../waiting.js'

const SLOW_READER_ECHOES = 3000
const LONGEST_CASE_MS = 120_000
/** A reset hurts only at certain moments, so that one round may miss them. */
const ROUNDS_OF_RESETS = 6

/** A socket that renews its access token as clients do, so that only the server can end it. */
async function openWitness (scene: Scene): Promise<SocketClient> {
  const witness = await scene.member()
  const renew = async () => {
    await witness.type('token_expiring', { from: witness.frames.length, withinMs: LONGEST_CASE_MS })
    witness.say({ type: 'reauth', access: await scene.access() })
    await renew()
  }
  renew().catch(() => {})                            // the case has ended, or finds out by itself
  return witness
}

/** Harm done to the server while another socket is open: it stays open and is answered, and a new one opens. */
const bears = (sentence: string, harm: (scene: Scene) => Promise<void>) => ({
  sentence: `${sentence}: other sockets go on, new ones open`,
  async play (scene: Scene) {
    const witness = await openWitness(scene)
    await harm(scene)
    await witness.works()
    await (await scene.member()).works()
  }
})

async function sendAndLeave (scene: Scene, bytes: Uint8Array | string): Promise<void> {
  const client = await scene.bare()
  client.write(bytes)
  client.socket.end()
  await Promise.race([client.gone(), pause(500)])
  client.socket.destroy()
}

async function sendAndReset (client: RawClient, bytes: Uint8Array | string): Promise<void> {
  client.socket.write(bytes, () => reset(client.socket))
  await client.gone()
}

/** True when the server reads no more than the usual 20 messages a second. */
async function limitsMessages (scene: Scene): Promise<boolean> {
  const client = await scene.member()
  const burst = Array.from({ length: 100 }, (_, n) => ({ type: 'ping', id: `burst-${n}` }))
  client.say(...burst)
  const isLimited = (await client.answer('burst-99')).type === 'error'
  await client.leave()
  return isLimited
}

const GARBAGE = [
  '\r\n\r\n', 'GET\r\n\r\n', 'GET /ws HTTP/9.9\r\n\r\n', '\0'.repeat(1000), Buffer.from('160301020001', 'hex'), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n', `GET /ws?token=${'x'.repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `GET /ws HTTP/1.1\r\nHost: a\r\n${'X-Header: y\r\n'.repeat(3000)}\r\n`
]

export const ROBUSTNESS = inGroup('ROBUST', [
  bears('garbage instead of HTTP', async scene => {
    for (const bytes of [...GARBAGE, ...Array.from({ length: 10 }, () => randomBytes(500))]) await sendAndLeave(scene, bytes)
  }),
  bears('handshakes that are reset at forty places', async scene => {
    const whole = await scene.memberHandshake()
    for (let cut = 1; cut <= 40; cut++) {
      await sendAndReset(await scene.bare(), whole.slice(0, Math.ceil(whole.length * cut / 40)))
    }
  }),
  {
    // For a moment they are more than the 20 sockets that one user may have, so that others would be refused.
    lane: 'alone',
    ...bears('whole handshakes that are reset while they are considered, forty at once', async scene => {
      const handshakes = [await scene.memberHandshake(), scene.handshake(), scene.handshake({ add: [['Authorization', 'Bearer bad']] })]
      for (let round = 0; round < ROUNDS_OF_RESETS; round++) {
        const clients = await Promise.all(Array.from({ length: 40 }, () => scene.bare()))
        await Promise.all(clients.map(async client => await sendAndReset(client, handshakes[round % handshakes.length]!)))
        scene.moveToNewSource()
      }
    })
  },
  bears('random bytes instead of frames', async scene => {
    for (let round = 0; round < 15; round++) {
      const client = await scene.raw()
      client.write(randomBytes(2000))
      client.socket.end()
      await Promise.race([client.gone(), pause(1000)])
      client.socket.destroy()
    }
  }),
  bears('frames of random kinds with random payloads', async scene => {
    for (let round = 0; round < 15; round++) {
      const client = await scene.raw()
      for (let count = 0; count < 10; count++) {
        client.write(frame({ opcode: randomInt(16), fin: randomInt(4) > 0, rsv: randomInt(8) === 0 ? randomInt(8) : 0, payload: randomBytes(randomInt(300)), mask: randomBytes(4) }))
      }
      client.socket.end()
      await Promise.race([client.gone(), pause(1000)])
      client.socket.destroy()
    }
  }),
  bears('sockets that vanish in the middle of a frame', async scene => {
    const whole = frame({ payload: '{"type":"echo","payload":{"text":"cut off"}}' })
    for (let length = 1; length < whole.length; length += 5) {
      await sendAndReset(await scene.raw(), whole.subarray(0, length))
    }
  }),
  bears('a socket that is reset while its reauth is verified', async scene => {
    const access = await scene.access()
    for (let round = 0; round < 10; round++) {
      await sendAndReset(await scene.raw(), frame({ payload: JSON.stringify({ type: 'reauth', access }) }))
    }
  }),
  bears('handshakes that never end', async scene => {
    const whole = await scene.memberHandshake()
    for (let count = 0; count < 20; count++) (await scene.bare()).write(whole.slice(0, -2))
  }),
  {
    sentence: 'a handshake that never ends is cut some time',
    lane: 'slow',
    async play (scene) {
      const client = await scene.bare()
      client.write((await scene.memberHandshake()).slice(0, -2))
      const isCut = await Promise.race([client.gone().then(() => true), pause(30_000).then(() => false)])
      holds(isCut, 'an end within 30 s', 'an open connection')
    }
  },
  {
    sentence: 'with compression offered, messages of all sizes come back as they were',
    async play (scene) {
      const client = await scene.member({ compressed: true })
      for (const length of [0, 10, 1000, 1024, 5000, 16_000]) {
        const text = randomBytes(length / 2).toString('hex')
        same(`the text of ${length} bytes`, (await client.ask({ type: 'echo', payload: { text } })).payload['text'], text)
      }
      same('the type', (await client.ask({ type: 'reauth', access: await scene.access() })).type, 'reauth_success')
    }
  },
  bears('a compressed message that unfolds to 20 MB ends its connection', async scene => {
    const client = await scene.member({ compressed: true })
    client.socket.send(JSON.stringify({ type: 'echo', payload: { text: 'x'.repeat(20_000_000) } }))
    const { code } = await client.closed()
    holds([1009, 1006, 1002].includes(code), 'close code 1009, or a cut connection', code)
  }),
  {
    sentence: 'a reader that never reads is closed with 4508, or cut; other sockets go on',
    lane: 'alone',
    async play (scene) {
      if (await limitsMessages(scene)) throw new Skip('the server limits messages before it comes to this; run it with RATE_LIMIT_MULTIPLIER=1000')
      const [client, witness] = [await scene.member(), await openWitness(scene)]
      client.socket.pause()
      for (let count = 0; count < SLOW_READER_ECHOES && client.socket.readyState === client.socket.OPEN; count++) {
        client.say({ type: 'echo', payload: { text: 'x'.repeat(16_000) } })
        if (count % 50 === 0) await witness.works()
      }
      client.socket.resume()
      const { code } = await client.closed(60_000)
      holds(code === 4508 || code === 1006, 'close code 4508, or a cut connection', code)
      await witness.works()
    }
  }
])
