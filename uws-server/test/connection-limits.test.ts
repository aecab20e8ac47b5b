import t from 'tap'
import { ConnectionUnderTest, REFUSED, TICK_MS, types, verified } from './fixtures/connection.js'

const MINUTE_MS = 60_000
const PROTOCOL_LIMITS = { messages: { perSecond: 20, burst: 40 }, reauths: { perSecond: 1 / 5, burst: 3 } }

t.test('the forms that close at once, each with its error first', async t => {
  const forms: Array<{ name: string, send: (it: ConnectionUnderTest) => void, end: { code: number, reason: string }, code: string }> = [
    { name: 'binary', send: it => it.sayBinary(Buffer.from('{"type":"ping"}')), end: { code: 1003, reason: 'unsupported data' }, code: 'unsupported_data' },
    { name: 'empty binary', send: it => it.sayBinary(Buffer.alloc(0)), end: { code: 1003, reason: 'unsupported data' }, code: 'unsupported_data' },
    { name: 'not JSON', send: it => it.sayText('{"type":'), end: { code: 1007, reason: 'invalid payload' }, code: 'invalid_request' },
    { name: 'empty', send: it => it.sayText(''), end: { code: 1007, reason: 'invalid payload' }, code: 'invalid_request' },
    { name: 'one byte too long', send: it => it.sayText('x'.repeat(16_385)), end: { code: 1009, reason: 'message too big' }, code: 'payload_too_large' },
    { name: 'too long in bytes, not in characters', send: it => it.sayText(`{"x":"${'é'.repeat(8_190)}"}`), end: { code: 1009, reason: 'message too big' }, code: 'payload_too_large' }
  ]
  for (const { name, send, end, code } of forms) {
    const it = new ConnectionUnderTest()
    it.takeFrames()
    send(it)
    t.match(it.takeFrames(), [{ type: 'error', payload: { code, retryable: false, fatal: true } }], name)
    t.strictSame(it.ends, [end], name)
  }
})

t.test('a message may be as long as the limit', async t => {
  const it = new ConnectionUnderTest()
  const frame = JSON.stringify({ type: 'ping', padding: '' })
  it.sayText(frame.replace('""', `"${'x'.repeat(16_384 - frame.length)}"`))
  t.equal(it.lastFrame.type, 'pong')
})

t.test('malformed messages are answered, the fifth within a minute closes 4400', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  const malformed = ['[]', '"ping"', '{"type":"unknown","id":"x"}', '{"type":"echo","payload":1}']
  for (const text of malformed) it.sayText(text)
  for (const frame of it.takeFrames()) t.match(frame, { type: 'error', payload: { code: 'invalid_request', retryable: false, fatal: false } })
  t.strictSame(it.ends, [])

  it.advance(MINUTE_MS)
  for (const text of malformed) it.sayText(text)
  t.strictSame(it.ends, [], 'a minute later they are forgotten')
  it.say({ type: 'reauth', id: 'fifth' })
  t.match(it.lastFrame, { type: 'error', id: 'fifth', payload: { code: 'invalid_request', fatal: true } })
  t.strictSame(it.ends, [{ code: 4400, reason: 'bad_request' }])
})

t.test('a payload nested too deeply to be written again is malformed', async t => {
  const depth = 200_000
  const it = new ConnectionUnderTest({ limits: { maxMessageBytes: 1_048_576 } })
  it.sayText(`{"type":"echo","id":"deep","payload":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`)
  t.match(it.lastFrame, { type: 'error', payload: { code: 'invalid_request', fatal: false } })
  t.strictSame(it.ends, [])
})

t.test('messages over the rate are refused and not executed', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  it.takeFrames()
  for (let count = 0; count < 42; count++) it.say({ type: 'echo', id: `m${count}`, payload: {} })
  const frames = it.takeFrames()
  t.strictSame(types(frames.slice(0, 40)), Array(40).fill('echo'))
  t.match(frames.slice(40), [40, 41].map(count => (
    { type: 'error', id: `m${count}`, payload: { code: 'rate_limited', retryable: true, fatal: false } })))

  it.say({ type: 'bye' })
  t.strictSame(it.ends, [], 'not even a bye')
  it.advance(TICK_MS)
  for (let count = 0; count < 20; count++) it.say({ type: 'ping' })
  t.strictSame(types(it.takeFrames()).filter(type => type === 'pong'), Array(20).fill('pong'), 'a second later 20 more are read')
})

t.test('three seconds of excess close 4429', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  const flood = () => { for (let count = 0; count < 20; count++) it.say({ type: 'ping' }) }
  for (let count = 0; count < 3; count++) flood()
  for (let tenth = 0; tenth < 29; tenth++) {
    it.stall(100)
    flood()
  }
  t.strictSame(it.ends, [])
  it.stall(100)
  it.takeFrames()
  flood()
  t.match(it.lastFrame, { type: 'error', payload: { code: 'rate_limited', retryable: false, fatal: true } })
  t.strictSame(it.ends, [{ code: 4429, reason: 'rate_limited' }])
})

t.test('ping and pong frames count as messages do', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  it.takeFrames()
  for (let count = 0; count < 40; count++) it.connection.receiveControlFrame()
  it.say({ type: 'ping' })
  t.match(it.takeFrames(), [{ type: 'error', payload: { code: 'rate_limited' } }])
  for (let count = 0; count < 999; count++) it.connection.receiveControlFrame()
  t.strictSame(it.ends, [{ code: 4429, reason: 'rate_limited' }])
  it.connection.receiveControlFrame()
})

t.test('excess with a pause in it starts anew', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  for (let burst = 0; burst < 10; burst++) {
    for (let count = 0; count < 100; count++) it.say({ type: 'ping' })
    it.stall(1001)
  }
  t.strictSame(it.ends, [])
})

t.test('one reauth in five seconds, three at once', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  for (let generation = 1; generation <= 3; generation++) await it.reauthWith(verified({ refreshGeneration: generation }))
  it.takeFrames()
  it.reauth('r4')
  t.match(it.takeFrames(), [{ type: 'error', id: 'r4', payload: { code: 'rate_limited', retryable: true, fatal: false } }])
  t.equal(it.verifying.length, 0)
  it.advance(5000)
  await it.reauthWith(verified({ refreshGeneration: 4 }), 'r5')
  t.match(it.takeFrames(), [{ type: 'reauth_success', id: 'r5' }])
})

t.test('a refused reauth is no failed one', async t => {
  const it = new ConnectionUnderTest({ limits: PROTOCOL_LIMITS })
  await it.reauthWith(REFUSED)
  await it.reauthWith(verified({ refreshGeneration: 1 }))
  await it.reauthWith(REFUSED)
  for (let count = 0; count < 5; count++) it.reauth()
  t.strictSame(it.ends, [])
})

t.test('a reader that falls 256 KB behind is closed 4508', async t => {
  const it = new ConnectionUnderTest()
  it.waitingBytes = 256 * 1024
  it.say({ type: 'ping' })
  t.strictSame(it.ends, [])
  it.waitingBytes += 1
  it.say({ type: 'ping' })
  t.strictSame(it.ends, [{ code: 4508, reason: 'slow_consumer' }])
})

t.test('a slow reader is closed once, whatever it is told', async t => {
  const messages: Array<(it: ConnectionUnderTest) => void> = [
    it => it.connection.revoke(it.endSession()),
    it => it.connection.drain(5000),
    it => it.sayBinary(Buffer.of(1))
  ]
  for (const tell of messages) {
    const it = new ConnectionUnderTest()
    it.waitingBytes = 1024 * 1024
    tell(it)
    t.strictSame(it.ends, [{ code: 4508, reason: 'slow_consumer' }])
  }
})

t.test('the end of a session closes with its reason', async t => {
  const reasons = ['logout', 'replaced', 'refresh_reuse', 'password_changed', 'admin', 'user_deleted'] as const
  for (const reason of reasons) {
    const it = new ConnectionUnderTest()
    it.takeFrames()
    it.connection.revoke(it.endSession(reason))
    t.strictSame(it.takeFrames(), [{ type: 'session_revoked', payload: { reason } }])
    t.strictSame(it.ends, [{ code: 4410, reason: 'session_revoked' }])
  }
})

t.test('an account that was disabled is forbidden', async t => {
  const it = new ConnectionUnderTest()
  it.connection.revoke(it.endSession('user_disabled'))
  t.match(it.lastFrame, { type: 'session_revoked', payload: { reason: 'user_disabled' } })
  t.strictSame(it.ends, [{ code: 4403, reason: 'forbidden' }])
})

t.test('draining says when to come back', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.connection.drain(5000)
  t.strictSame(it.takeFrames(), [{ type: 'server_draining', payload: { reconnectWithinMs: 5000 } }])
  t.strictSame(it.ends, [{ code: 1012, reason: 'service restart' }])
})
