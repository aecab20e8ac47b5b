import t from 'tap'
import { ALICE, ConnectionUnderTest, GRACE_MS, LIFETIME_MS, REFUSED, START, TICK_MS, principalOf, types, verified } from './fixtures/connection.js'

const EXPIRY = START + LIFETIME_MS
const WARNING = EXPIRY - 120_000                 // 15 % of 15 minutes are more than two of them

t.test('a connection greets with who it is and how long that lasts', async t => {
  const it = new ConnectionUnderTest({ principal: principalOf({ refreshGeneration: 3 }) })
  t.strictSame(it.takeFrames(), [{
    type: 'connected',
    payload: {
      connectionId: 'connection-1',
      userId: ALICE.subject,
      sessionId: ALICE.sessionId,
      expiresAt: '2027-01-15T08:15:00.000Z',
      expiresInMs: LIFETIME_MS,
      serverTime: '2027-01-15T08:00:00.000Z'
    }
  }])
  t.strictSame(it.observed, [[ALICE.sessionId, 3]])
  t.equal(it.connection.state, 'active')
})

t.test('messages are answered with their id', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.say({ type: 'ping', id: 'one' })
  it.say({ type: 'ping' })
  it.say({ type: 'echo', id: 'two', payload: { deep: [{ er: null }] }, unknown: 'ignored' })
  t.strictSame(it.takeFrames(), [
    { type: 'pong', id: 'one', payload: { t: START } },
    { type: 'pong', payload: { t: START } },
    { type: 'echo', id: 'two', payload: { deep: [{ er: null }] } }
  ])
})

t.test('an echo comes back as it was sent, but nothing beside it does', async t => {
  const it = new ConnectionUnderTest()
  it.texts.length = 0
  const plain = ['{ "payload": {"n": 12345678901234567890}, "type": "echo", "id": "1" }', '{"type":"echo","payload":{"\\u0041":1e999}}']
  for (const text of [...plain, '{"type":"echo","payload":{},"access":"secret"}']) it.sayText(text)
  t.strictSame(it.texts, [...plain, '{"type":"echo","payload":{}}'])
})

t.test('only long echoes are compressed', async t => {
  const it = new ConnectionUnderTest()
  it.say({ type: 'echo', payload: { text: 'x'.repeat(900) } })
  it.say({ type: 'ping', id: 'x' })
  t.strictSame(it.compressed, [])
  it.say({ type: 'echo', payload: { text: 'x'.repeat(1100) } })
  t.equal(it.compressed.length, 1)
})

t.test('a message of a session that has ended is not executed, even before its socket is closed', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.endSession('logout')
  it.say({ type: 'echo', payload: {} })
  t.strictSame(it.takeFrames(), [{ type: 'session_revoked', payload: { reason: 'logout' } }])
  t.strictSame(it.ends, [{ code: 4410, reason: 'session_revoked' }])
})

t.test('a message that waited for a failed reauth is not executed when the session has ended meanwhile', async t => {
  const it = new ConnectionUnderTest()
  it.reauth()
  it.say({ type: 'echo', payload: {} })
  it.takeFrames()
  it.endSession('logout')
  it.stale = true
  await it.settle(REFUSED)
  t.strictSame(it.takeFrames(), [{ type: 'session_revoked', payload: { reason: 'logout' } }])
})

t.test('nothing is executed for an access token whose key was dropped', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.droppedKeys.add('key')
  it.say({ type: 'echo', payload: {} })
  t.strictSame(it.takeFrames(), [])
  t.strictSame(it.ends, [{ code: 4419, reason: 'token_expired' }])
})

t.test('bye closes with 1000', async t => {
  const it = new ConnectionUnderTest()
  it.say({ type: 'bye' })
  t.strictSame(it.ends, [{ code: 1000, reason: 'bye' }])
  t.equal(it.connection.state, 'closed')
})

t.test('a life without reauth: active, expiring, grace, closed', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.advanceTo(WARNING - 1)
  t.equal(it.connection.state, 'active')
  t.strictSame(it.takeFrames(), [])

  it.advanceTo(WARNING)
  t.equal(it.connection.state, 'expiring')
  t.strictSame(it.takeFrames(), [{ type: 'token_expiring', payload: { expiresAt: '2027-01-15T08:15:00.000Z', expiresInMs: 120_000 } }])

  it.advanceTo(EXPIRY - 1)
  it.say({ type: 'echo', payload: {} })
  t.strictSame(types(it.takeFrames()), ['echo'], 'the authority lasts to the last millisecond')
  t.equal(it.connection.state, 'expiring')

  it.advanceTo(EXPIRY)
  t.equal(it.connection.state, 'grace')
  it.advanceTo(EXPIRY + GRACE_MS - 1)
  t.strictSame(it.takeFrames(), [], 'nothing is delivered in the grace')
  t.equal(it.connection.state, 'grace')

  it.advanceTo(EXPIRY + GRACE_MS)
  t.strictSame(it.ends, [{ code: 4419, reason: 'token_expired' }])
  t.equal(it.connection.state, 'closed')
})

t.test('in the grace there is no authority: ping and reauth, and nothing else', async t => {
  const it = new ConnectionUnderTest()
  it.advanceTo(EXPIRY)
  it.takeFrames()
  it.say({ type: 'ping', id: 'p' })
  it.say({ type: 'echo', id: 'e', payload: { secret: 1 } })
  it.say({ type: 'bye', id: 'b' })
  const [pong, echo, bye] = it.takeFrames()
  t.strictSame(pong, { type: 'pong', id: 'p', payload: { t: EXPIRY } })
  for (const [frame, id] of [[echo, 'e'], [bye, 'b']] as const) {
    t.match(frame, { type: 'error', id, payload: { code: 'token_expired', retryable: true, fatal: false } })
  }
  t.strictSame(it.ends, [])

  await it.reauthWith(verified({ issuedAt: EXPIRY / 1000, refreshGeneration: 1 }))
  t.equal(it.connection.state, 'active')
  it.say({ type: 'echo', payload: {} })
  t.strictSame(types(it.takeFrames()), ['reauth_success', 'echo'])
})

t.test('authority ends by the clock, not by the timer', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.stall(LIFETIME_MS)
  it.say({ type: 'echo', payload: {} })
  t.match(it.takeFrames(), [{ type: 'error', payload: { code: 'token_expired' } }])

  it.stall(GRACE_MS)
  it.say({ type: 'ping' })
  t.strictSame(it.ends, [{ code: 4419, reason: 'token_expired' }], 'a message after the grace closes before the timer does')
  t.strictSame(it.takeFrames(), [])
})

t.test('a warning that the process was too busy for is not sent in the grace', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.stall(LIFETIME_MS)
  it.advance(GRACE_MS)
  t.strictSame(it.takeFrames(), [])
  t.equal(it.end?.code, 4419)
})

t.test('a socket that connects with little left is not warned, and closed as the others', async t => {
  const issuedAt = START / 1000 - 895
  const it = new ConnectionUnderTest({ principal: principalOf({ issuedAt }) })
  it.takeFrames()
  it.advance(5000 + GRACE_MS - 1)
  t.strictSame(it.takeFrames(), [])
  it.advance(1)
  t.equal(it.end?.code, 4419)
})

t.test('the warning comes earlier with jitter, by at most a tenth', async t => {
  const it = new ConnectionUnderTest({ random: 1 })
  it.takeFrames()
  it.advanceTo(EXPIRY - 132_000 - 1)
  t.strictSame(it.takeFrames(), [])
  it.advance(TICK_MS)
  t.strictSame(types(it.takeFrames()), ['token_expiring'])
})

t.test('a renewed access token is warned about anew', async t => {
  const it = new ConnectionUnderTest()
  it.advanceTo(WARNING)
  it.takeFrames()
  await it.reauthWith(verified({ issuedAt: WARNING / 1000, refreshGeneration: 1 }))
  t.equal(it.connection.state, 'active')
  t.strictSame(it.takeFrames(), [{
    type: 'reauth_success', id: 'reauth', payload: { userId: ALICE.subject, expiresAt: new Date(WARNING + LIFETIME_MS).toISOString(), expiresInMs: LIFETIME_MS }
  }])
  it.advanceTo(EXPIRY + GRACE_MS)
  t.strictSame(it.ends, [], 'the deadline of the old token is forgotten')
  it.advanceTo(WARNING + LIFETIME_MS - 120_000)
  t.strictSame(types(it.takeFrames()), ['token_expiring'])
})

t.test('who closes leaves the wheel, and is not called, answered or closed again', async t => {
  const endings: Array<(it: ConnectionUnderTest) => void> = [
    it => it.connection.onSocketClosed(),
    it => it.say({ type: 'bye' }),
    it => it.connection.revoke(it.endSession()),
    it => it.connection.drain(5000)
  ]
  for (const finish of endings) {
    const it = new ConnectionUnderTest()
    finish(it)
    const ends = it.ends.length
    it.takeFrames()
    t.equal(it.connection.dueTick, -1)
    it.say({ type: 'ping' })
    it.sayText('not json')
    it.sayBinary(Buffer.of(0))
    it.connection.revoke(it.endSession('admin'))
    it.connection.drain(1)
    it.connection.onDeadline()
    it.connection.onSocketClosed()
    it.advance(LIFETIME_MS + GRACE_MS + TICK_MS)
    t.strictSame(it.takeFrames(), [])
    t.equal(it.ends.length, ends)
    t.equal(it.connection.state, 'closed')
  }
})
