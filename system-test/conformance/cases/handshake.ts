import { holds, oneOf, same } from '../expect.js'
import { message } from '../frame-bytes.js'
import { ACCEPT, type HandshakeOptions, type RawClient } from '../raw-client.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'

const opens = (sentence: string, options: HandshakeOptions) => ({
  sentence: `${sentence}: 101`,
  async play (scene: Scene) { same('the status', (await scene.answerTo(await scene.memberHandshake(options)))?.status, 101) }
})

const isRefused = (sentence: string, options: HandshakeOptions, ...statuses: number[]) => ({
  sentence: `${sentence}: ${statuses.length > 0 ? statuses.join(' or ') : 'refused'}`,
  async play (scene: Scene) {
    const head = await scene.answerTo(await scene.memberHandshake(options))
    const status = head?.status ?? 0
    if (statuses.length > 0) holds(statuses.includes(status), `HTTP ${statuses.join(' or ')}`, status || 'a cut connection')
    else holds(status === 0 || status >= 400, 'a status from 400 on, or a cut connection', status)
    if (status === 426) {
      same('Sec-WebSocket-Version', head?.headers['sec-websocket-version'], '13')
      holds(/websocket/i.test(head?.headers['upgrade'] ?? ''), 'Upgrade: websocket', head?.headers['upgrade'])
    }
  }
})

const set = (header: string, value: string | undefined): HandshakeOptions => ({ set: { [header]: value } })

function splitLine (request: string): [line: string, headers: string] {
  const end = request.indexOf('\r\n') + 2
  return [request.slice(0, end), request.slice(end)]
}

async function writeBytewise (client: RawClient, bytes: string): Promise<void> {
  for (const byte of Buffer.from(bytes)) {
    client.write(Buffer.of(byte))
    await new Promise<void>(resolve => setImmediate(resolve))
  }
}

/** RFC 6455, section 4. */
export const HANDSHAKE = inGroup('SHAKE', [
  {
    sentence: 'the answer to a handshake has status 101, Upgrade, Connection and the right Sec-WebSocket-Accept',
    async play (scene) {
      const head = await scene.answerTo(await scene.memberHandshake())
      same('the status', head?.status, 101)
      same('Upgrade', head?.headers['upgrade']?.toLowerCase(), 'websocket')
      same('Connection', head?.headers['connection']?.toLowerCase(), 'upgrade')
      same('Sec-WebSocket-Accept', head?.headers['sec-websocket-accept'], ACCEPT)
    }
  },
  opens('Connection: keep-alive, Upgrade, as Firefox sends it', set('Connection', 'keep-alive, Upgrade')),
  opens('Upgrade: WebSocket and Connection: upgrade, in other case', { set: { Upgrade: 'WebSocket', Connection: 'upgrade' } }),
  opens('header names in other case', { set: { 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Version': undefined }, add: [['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='], ['SEC-WEBSOCKET-VERSION', '13']] }),
  isRefused('Sec-WebSocket-Version: 8', set('Sec-WebSocket-Version', '8'), 426),
  isRefused('Sec-WebSocket-Version: 14', set('Sec-WebSocket-Version', '14'), 426),
  isRefused('no Sec-WebSocket-Version', set('Sec-WebSocket-Version', undefined), 426, 400),
  {
    sentence: 'another version is refused to a page too, not opened to be closed: 426',
    async play (scene) {
      const head = await scene.answerTo(await scene.memberHandshake({ ...set('Sec-WebSocket-Version', '8'), add: [['Origin', scene.options.origin]] }))
      same('the status', head?.status, 426)
    }
  },
  isRefused('no Upgrade', set('Upgrade', undefined), 426),
  isRefused('Upgrade: h2c', set('Upgrade', 'h2c'), 426, 400),
  isRefused('no Connection', set('Connection', undefined), 426, 400),
  isRefused('Connection: keep-alive', set('Connection', 'keep-alive'), 426, 400),
  isRefused('no Sec-WebSocket-Key', set('Sec-WebSocket-Key', undefined)),
  isRefused('a Sec-WebSocket-Key of 15 bytes', set('Sec-WebSocket-Key', Buffer.alloc(15).toString('base64'))),
  isRefused('a Sec-WebSocket-Key of 32 bytes', set('Sec-WebSocket-Key', Buffer.alloc(32).toString('base64'))),
  isRefused('an empty Sec-WebSocket-Key', set('Sec-WebSocket-Key', '')),
  isRefused('POST', { method: 'POST', set: { 'Content-Length': '0' } }, 400, 405, 426),
  isRefused('POST without the words of an upgrade', { method: 'POST', set: { Upgrade: undefined, Connection: undefined, 'Content-Length': '0' } }, 400, 405, 426),
  isRefused('HEAD', { method: 'HEAD', set: { Upgrade: undefined, Connection: undefined } }, 400, 405, 426),
  isRefused('HTTP/1.0', { version: 'HTTP/1.0' }),
  isRefused('no Host', set('Host', undefined)),
  {
    sentence: 'other paths are not found: 404',
    async play (scene) {
      const { pathname } = scene.options.target.url
      for (const path of [`${pathname}x`, `${pathname}/x`, `/x${pathname}`, pathname.toUpperCase()]) {
        const head = await scene.answerTo(await scene.memberHandshake({ path }))
        same(`the status of ${path}`, head?.status, 404)
      }
    }
  },
  {
    sentence: 'headers that come byte by byte: 101',
    async play (scene) {
      const client = await scene.bare()
      const [line, headers] = splitLine(await scene.memberHandshake())
      client.write(line)
      await writeBytewise(client, headers)
      same('the status', (await client.head())?.status, 101)
    }
  },
  {
    sentence: 'a whole handshake that comes byte by byte: 101, or 505 from uWebSockets.js, which wants ` HTTP/1.1` in one piece',
    async play (scene) {
      const client = await scene.bare()
      await writeBytewise(client, await scene.memberHandshake())
      oneOf('the status', (await client.head())?.status, [101, 505])
    }
  },
  {
    sentence: 'what follows a handshake in its segment, where RFC 6455 allows nothing, is answered in its turn, dropped, or ends the connection',
    async play (scene) {
      for (const early of [message({ type: 'ping', id: 'early' }), 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
        const client = await scene.bare()
        client.write(await scene.memberHandshake(), early)
        const head = await client.head()
        if (head?.status !== 101) continue
        await client.message('the greeting', ({ type }) => type === 'connected').catch(() => {})
        client.write(message({ type: 'ping', id: 'later' }))
        await Promise.any([client.message('the answer to what came later', ({ id }) => id === 'later'), client.isFailedWith(1002, 1007)])
        const types = client.messages.map(({ type }) => type).join()
        holds(/^connected(,pong)*$/.test(types), 'the greeting, then answers', types)
      }
    }
  },
  {
    sentence: 'a frame behind a handshake that is refused is not executed',
    async play (scene) {
      const client = await scene.bare()
      client.write(scene.handshake({ add: [['Authorization', 'Bearer bad']] }), message({ type: 'echo', payload: { executed: true } }))
      const head = await client.head()
      holds(head === undefined || head.status >= 400, 'a status from 400 on, or a cut connection', head?.status)
      same('frames', client.frames.length, 0)
    }
  },
  {
    sentence: 'an extension that was not offered is not used',
    async play (scene) {
      for (const options of [{}, { add: [['Sec-WebSocket-Extensions', 'x-unknown; a=1']] as Array<[string, string]> }]) {
        same('Sec-WebSocket-Extensions', (await scene.answerTo(await scene.memberHandshake(options)))?.headers['sec-websocket-extensions'], undefined)
      }
    }
  }
])
