import { contains, holds, same, show } from '../expect.js'
import { inGroup } from '../runner.js'

const STRINGS = [
  '', ' ', '\u0000', '\u0007\b\t\n\v\f\r', '\u2028\u2029', '\ufeff', '\u202e\u200b\u00ad', 'ÄÖÜ ß é', '田中さんにあげて下さい', '👩‍👩‍👧‍👦 🏳️‍🌈', 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L', '\ud83d\ude00',
  '"\'`\\/', '<script>alert(1)</script>', '{{7*7}}', '%00%0a%s%n', "1;DROP TABLE users--'", '../../etc/passwd', 'undefined', 'NaN', '9007199254740993', '1e400', '__proto__', 'constructor', 'toString'
]

export const MESSAGES = inGroup('MSG', [
  {
    sentence: 'ping is answered with pong {t}, the time in milliseconds',
    async play (scene) {
      const { type, payload } = await (await scene.member()).ask({ type: 'ping' })
      same('the type', type, 'pong')
      holds(typeof payload['t'] === 'number', 'a number t', payload)
    }
  },
  {
    sentence: 'echo comes back as it was',
    async play (scene) {
      const payload = { text: 'hello', number: -1.5e-7, yes: true, nothing: null, list: [1, [2, {}]], nested: { a: { b: [] } } }
      contains('the answer', await (await scene.member()).ask({ type: 'echo', payload }), { type: 'echo', payload })
    }
  },
  {
    sentence: 'an echo of difficult strings, as values and as names, comes back as it was',
    async play (scene) {
      const client = await scene.member()
      const expected = JSON.stringify(Object.fromEntries(STRINGS.map(text => [`_${text}`, text])))
      const { payload } = await client.ask({ type: 'echo', payload: JSON.parse(expected) as unknown })
      same('the payload as JSON', JSON.stringify(payload), expected)
    }
  },
  {
    sentence: 'names such as __proto__ in a payload are data',
    async play (scene) {
      const client = await scene.member()
      client.socket.send('{"type":"echo","id":"proto","payload":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}')
      const { payload } = await client.answer('proto')
      same('the names', show(Object.keys(payload)), show(['__proto__', 'constructor']))
      const { payload: clean } = await client.ask({ type: 'echo', payload: {} })
      same('the members of an empty payload', Object.keys(clean).length, 0)
    }
  },
  {
    sentence: 'an id is repeated in the answer, and none appears where none was',
    async play (scene) {
      const client = await scene.member()
      client.say({ type: 'ping', id: 'my id' })
      same('the type', (await client.answer('my id')).type, 'pong')
      client.say({ type: 'ping' })
      const { id } = await client.frame('a pong without id', frame => frame.type === 'pong' && frame.id === undefined)
      same('the id', id, undefined)
    }
  },
  {
    sentence: 'an id has up to 64 characters; a longer one, or one that is no string, is an error',
    async play (scene) {
      const client = await scene.member()
      client.say({ type: 'ping', id: 'x'.repeat(64) })
      same('the type', (await client.answer('x'.repeat(64))).type, 'pong')
      for (const id of ['x'.repeat(65), 7, null]) {
        const from = client.frames.length
        client.say({ type: 'ping', id })
        contains('the answer', await client.type('error', { from }), { payload: { code: 'invalid_request', fatal: false } })
      }
      await client.works()
    }
  },
  {
    sentence: 'every frame of the server is an object with type, payload and at most an id',
    async play (scene) {
      const client = await scene.member()
      await client.ask({ type: 'ping' })
      await client.ask({ type: 'echo', payload: { a: 1 } })
      await client.ask({ type: 'no such type' })
      for (const frame of client.frames) {
        same('the other members', show(Object.keys(frame).filter(name => !['type', 'id', 'payload'].includes(name))), '[]')
        holds(typeof frame.type === 'string' && typeof frame.payload === 'object' && frame.payload !== null, 'type and payload', frame)
      }
    }
  },
  {
    sentence: 'unknown fields are ignored',
    async play (scene) { same('the type', (await (await scene.member()).ask({ type: 'ping', access: 1, extra: { deep: [] }, payload: 'x' })).type, 'pong') }
  },
  {
    sentence: 'white space around and inside the JSON text changes nothing',
    async play (scene) {
      const client = await scene.member()
      client.socket.send(' \r\n\t{ "type" :\n"ping", "id": "space" }\n ')
      same('the type', (await client.answer('space')).type, 'pong')
    }
  },
  {
    sentence: 'answers come in the order of the messages',
    async play (scene) {
      const client = await scene.member()
      const ids = Array.from({ length: 30 }, (_, index) => `order-${index}`)
      client.say(...ids.map((id, index) => index % 3 === 0 ? { type: 'ping', id } : { type: 'echo', id, payload: { index } }))
      await client.answer(ids.at(-1)!)
      same('the ids', client.frames.slice(1).map(({ id }) => id).join(), ids.join())
    }
  },
  {
    sentence: 'an unknown type is answered with error invalid_request, its id repeated, and the socket goes on',
    async play (scene) {
      const client = await scene.member()
      const { payload } = await client.askError({ type: 'no such type' }, 'invalid_request')
      same('retryable', payload['retryable'], false)
      holds(typeof payload['message'] === 'string' && payload['message'] !== '', 'a message', payload)
      await client.works()
    }
  },
  {
    sentence: 'the types of the server\'s own frames are unknown types',
    async play (scene) {
      const client = await scene.member()
      for (const type of ['connected', 'session_revoked', 'reauth_success']) await client.askError({ type, payload: { userId: 'x' } }, 'invalid_request')
      await client.works()
    }
  },
  {
    sentence: 'types such as __proto__, constructor and toString are unknown types',
    async play (scene) {
      const client = await scene.member()
      for (const type of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) await client.askError({ type }, 'invalid_request')
      await client.works()
    }
  },
  {
    sentence: 'bye closes the socket with 1000',
    async play (scene) {
      const client = await scene.member()
      client.say({ type: 'bye' }, { type: 'echo', id: 'after', payload: {} })
      await client.closesWith(1000)
      same('an answer to what came after it', client.frames.find(({ id }) => id === 'after'), undefined)
    }
  }
])
