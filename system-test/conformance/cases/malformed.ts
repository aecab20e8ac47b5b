import { contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'

const isMalformed = (what: string, text: string) => ({
  sentence: `${what} is answered with error invalid_request, and the socket goes on`,
  async play (scene: Scene) {
    const client = await scene.member()
    client.socket.send(text)
    contains('the answer', await client.type('error'), { payload: { code: 'invalid_request', retryable: false, fatal: false } })
    await client.works()
  }
})

const isNotJson = (what: string, text: string) => ({
  sentence: `${what} is no JSON text: error with fatal: true, then 1007`,
  async play (scene: Scene) {
    const client = await scene.member()
    client.socket.send(text, { binary: false })
    await client.failsWith('invalid_request', 1007)
  }
})

export const MALFORMED = inGroup('BAD', [
  isNotJson('a word', 'hello'),
  isNotJson('an empty frame', ''),
  isNotJson('half an object', '{"type":"ping"'),
  isNotJson('an object with a comma too many', '{"type":"ping",}'),
  isNotJson('two objects in one frame', '{"type":"ping"}{"type":"ping"}'),
  isMalformed('an array', '[{"type":"ping"}]'),
  isMalformed('a number', '42'),
  isMalformed('null', 'null'),
  isMalformed('a string', '"ping"'),
  isMalformed('an object without a type', '{}'),
  isMalformed('a type that is no string', '{"type":["ping"]}'),
  isMalformed('a reauth without an access token', '{"type":"reauth"}'),
  isMalformed('a reauth whose access token is no string', '{"type":"reauth","access":{"toString":"x"}}'),
  isMalformed('an echo without a payload', '{"type":"echo"}'),
  isMalformed('an echo whose payload is no object', '{"type":"echo","payload":[1]}'),
  {
    sentence: 'a payload that nests thousands of levels is answered, with an echo or an error',
    async play (scene) {
      const client = await scene.member()
      for (const depth of [1000, 7000]) {
        client.socket.send(`{"type":"echo","id":"deep-${depth}","payload":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`)
        const { type } = await client.answer(`deep-${depth}`)
        holds(type === 'echo' || type === 'error', 'an echo or an error', type)
      }
      await client.works()
    }
  },
  {
    sentence: 'a binary frame: error with fatal: true, then 1003',
    async play (scene) {
      const client = await scene.member()
      client.socket.send(Buffer.from('{"type":"ping","id":"binary"}'), { binary: true })
      await client.closesWith(1003)
      contains('the last frame', client.frames.at(-1), { type: 'error', payload: { fatal: true } })
      same('an answer', client.frames.find(({ id }) => id === 'binary'), undefined)
    }
  },
  {
    sentence: 'four malformed messages are answered; with the fifth comes error with fatal: true, then 4400',
    async play (scene) {
      const client = await scene.member()
      for (let count = 0; count < 4; count++) await client.askError({ type: 'nonsense' }, 'invalid_request')
      await client.works()
      client.say({ type: 'nonsense', id: 'fifth' })
      await client.failsWith('invalid_request', 4400)
    }
  },
  {
    sentence: 'malformed messages on one socket do not count on another',
    async play (scene) {
      const [one, other] = [await scene.member(), await scene.member()]
      for (let count = 0; count < 3; count++) {
        await one.askError({ type: 'nonsense' }, 'invalid_request')
        await other.askError({ type: 'nonsense' }, 'invalid_request')
      }
      await one.works()
      await other.works()
    }
  }
])
