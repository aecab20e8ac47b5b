import { holds, same } from '../expect.js'
import { message } from '../frame-bytes.js'
import { ACCEPT, type HandshakeOptions } from '../raw-client.js'
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
    else holds(status === 0 || (status >= 400 && status < 500), 'HTTP 4xx, or a cut connection', status)
    if (status === 426) {
      same('Sec-WebSocket-Version', head?.headers['sec-websocket-version'], '13')
      holds(/websocket/i.test(head?.headers['upgrade'] ?? ''), 'Upgrade: websocket', head?.headers['upgrade'])
    }
  }
})

const set = (header: string, value: string | undefined): HandshakeOptions => ({ set: { [header]: value } })

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
    sentence: 'a handshake that comes byte by byte: 101',
    async play (scene) {
      const client = await scene.bare()
      for (const byte of Buffer.from(await scene.memberHandshake())) {
        client.write(Buffer.of(byte))
        await new Promise<void>(resolve => setImmediate(resolve))
      }
      same('the status', (await client.head())?.status, 101)
    }
  },
  {
    sentence: 'a frame in the same segment as the handshake is answered after the greeting',
    async play (scene) {
      const client = await scene.bare()
      client.write(await scene.memberHandshake(), message({ type: 'echo', id: 'early', payload: {} }))
      await client.head()
      await client.message('the answer', ({ id }) => id === 'early')
      same('the types', client.messages.map(({ type }) => type).join(), 'connected,echo')
    }
  },
  {
    sentence: 'a frame behind a handshake that is refused is not executed',
    async play (scene) {
      const client = await scene.bare()
      client.write(scene.handshake({ add: [['Authorization', 'Bearer bad']] }), message({ type: 'echo', payload: { executed: true } }))
      const head = await client.head()
      same('the status', head?.status, 401)
      same('frames', client.frames.length, 0)
    }
  },
  {
    sentence: 'a second request behind a handshake is no second request',
    async play (scene) {
      const client = await scene.bare()
      client.write(await scene.memberHandshake(), 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await client.head()
      await client.isFailedWith(1002, 1007)
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
