import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ALICE, ConnectionUnderTest, GRACE_MS, LIFETIME_MS, REFUSED, START, TICK_MS, expired, ids, principalOf, types, verified } from './fixtures/connection.js'

const EXPIRY = START + LIFETIME_MS
const GRACE_END = EXPIRY + GRACE_MS
const renewed = verified({ issuedAt: START / 1000 + 600, refreshGeneration: 1 })

t.test('a newer access token renews the socket in place', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.advance(600_000)
  it.reauth('r1')
  t.equal(it.verifying[0]!.accessToken, 'access token of r1')
  await it.settle(renewed)
  t.strictSame(it.takeFrames(), [{
    type: 'reauth_success', id: 'r1', payload: { userId: ALICE.subject, expiresAt: '2027-01-15T08:25:00.000Z', expiresInMs: LIFETIME_MS }
  }])
  t.strictSame(it.observed, [[ALICE.sessionId, 0], [ALICE.sessionId, 1]])
})

t.test('an older one that is still good changes nothing', async t => {
  const current = { issuedAt: START / 1000 + 60, refreshGeneration: 2 }
  const older = [
    { name: 'the same', ...current },
    { name: 'issued earlier in the same generation', issuedAt: START / 1000, refreshGeneration: 2 },
    { name: 'of an earlier generation, by a clock that is ahead', issuedAt: START / 1000 + 500, refreshGeneration: 1 }
  ]
  for (const { name, ...replayed } of older) {
    const it = new ConnectionUnderTest({ principal: principalOf(current) })
    it.takeFrames()
    await it.reauthWith(verified(replayed))
    t.match(it.takeFrames(), [{ type: 'reauth_success', payload: { expiresAt: '2027-01-15T08:16:00.000Z', unchanged: true } }], name)
    t.equal(it.observed.length, 1)
  }
})

t.test('newer is a greater generation, then a later issue', async t => {
  const it = new ConnectionUnderTest({ principal: principalOf({ issuedAt: START / 1000, refreshGeneration: 2 }) })
  it.takeFrames()
  await it.reauthWith(verified({ issuedAt: START / 1000 + 1, refreshGeneration: 2 }))
  await it.reauthWith(verified({ issuedAt: START / 1000, refreshGeneration: 3 }))
  for (const frame of it.takeFrames()) t.notHas(frame.payload, { unchanged: true })
  t.strictSame(it.observed.map(([, generation]) => generation), [2, 2, 3])
})

t.test('an access token of somebody else closes 4409', async t => {
  const others = { subject: randomUUID(), sessionId: randomUUID(), issuer: 'another issuer' }
  for (const [claim, value] of Object.entries(others)) {
    const it = new ConnectionUnderTest()
    it.takeFrames()
    await it.reauthWith(verified({ refreshGeneration: 1, [claim]: value }))
    t.match(it.takeFrames(), [{ type: 'error', id: 'reauth', payload: { code: 'identity_mismatch', retryable: false, fatal: true } }], claim)
    t.strictSame(it.ends, [{ code: 4409, reason: 'identity_mismatch' }], claim)
  }
})

t.test('a failed reauth leaves the authority alone, the third closes 4401', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  await it.reauthWith(REFUSED, 'first')
  await it.reauthWith(expired({ refreshGeneration: 1 }), 'second')
  it.say({ type: 'echo', payload: {} })
  t.match(it.takeFrames(), [
    { type: 'error', id: 'first', payload: { code: 'invalid_token', retryable: false, fatal: false } },
    { type: 'error', id: 'second', payload: { code: 'token_expired', retryable: true, fatal: false } },
    { type: 'echo' }
  ])
  await it.reauthWith(REFUSED, 'third')
  t.match(it.takeFrames(), [{ type: 'error', id: 'third', payload: { code: 'invalid_token', fatal: true } }])
  t.strictSame(it.ends, [{ code: 4401, reason: 'invalid_token' }])
})

t.test('failures are counted within one token life', async t => {
  const it = new ConnectionUnderTest()
  const fail = () => it.reauthWith(REFUSED)
  await fail()
  await fail()
  await it.reauthWith(verified({ refreshGeneration: 1 }))
  await fail()
  await fail()
  t.strictSame(it.ends, [])
  await it.reauthWith(verified({ refreshGeneration: 0 }))
  t.match(it.lastFrame, { type: 'reauth_success', payload: { unchanged: true } })
  await fail()
  t.equal(it.end?.code, 4401, 'a replay is no new life')
})

t.test('frames that come while a reauth is verified wait for it, in order', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.reauth('r1')
  it.say({ type: 'echo', id: 'a', payload: {} })
  it.say({ type: 'nonsense', id: 'b' })
  it.reauth('r2')
  it.say({ type: 'echo', id: 'c', payload: {} })
  it.say({ type: 'ping', id: 'd' })
  t.strictSame(it.takeFrames(), [])
  t.equal(it.verifying.length, 1, 'one at a time')

  await it.settle(verified({ refreshGeneration: 1 }))
  t.strictSame(ids(it.takeFrames()), ['r1', 'a', 'b'])
  it.say({ type: 'ping', id: 'e' })
  await it.settle(REFUSED)
  t.strictSame(ids(it.takeFrames()), ['r2', 'c', 'd', 'e'])
  it.say({ type: 'ping', id: 'f' })
  t.strictSame(ids(it.takeFrames()), ['f'])
})

t.test('what waits is bounded, and the room is given back', async t => {
  const it = new ConnectionUnderTest()
  const longMessage = { type: 'echo', payload: { text: 'x'.repeat(16_000) } }
  for (let round = 0; round < 3; round++) {
    it.reauth()
    for (let count = 0; count < 60; count++) it.say(longMessage)
    await it.settle(verified({ refreshGeneration: round }))
  }
  t.strictSame(it.ends, [])
  t.equal(it.takeFrames().filter(({ type }) => type === 'echo').length, 180)

  it.reauth()
  for (let count = 0; it.ends.length === 0 && count < 1000; count++) it.say(longMessage)
  t.match(it.takeFrames(), [{ type: 'error', payload: { code: 'rate_limited', fatal: true } }])
  t.equal(it.end?.code, 4429)
  await it.settle(renewed)
  t.strictSame(it.takeFrames(), [])
})

t.test('empty frames cost something as well', async t => {
  const it = new ConnectionUnderTest()
  it.reauth()
  let count = 0
  for (; it.ends.length === 0 && count < 1_000_000; count++) it.sayText('')
  t.ok(count < 10_000)
  t.equal(it.end?.code, 4429)
})

t.test('arrival decides between a reauth and the end of the grace', async t => {
  const late = verified({ issuedAt: EXPIRY / 1000, refreshGeneration: 1 })

  t.test('in time, verified after it: the socket lives', async t => {
    const it = new ConnectionUnderTest()
    it.advanceTo(GRACE_END - 1)
    it.takeFrames()
    it.reauth()
    it.advanceTo(GRACE_END + 5 * TICK_MS)
    t.strictSame(it.ends, [])
    await it.settle(late)
    t.strictSame(types(it.takeFrames()), ['reauth_success'])
    t.equal(it.connection.state, 'active')
    it.advanceTo(EXPIRY + LIFETIME_MS + GRACE_MS)
    t.equal(it.end?.code, 4419, 'its new deadline counts')
  })

  t.test('one millisecond late: closed, and not verified at all', async t => {
    const it = new ConnectionUnderTest()
    it.advanceTo(EXPIRY)
    it.stall(GRACE_MS)
    it.reauth()
    t.strictSame(it.ends, [{ code: 4419, reason: 'token_expired' }])
    t.strictSame(it.verifying, [])
  })

  t.test('in time, but no good: closed as soon as that is known', async t => {
    for (const verdict of [REFUSED, expired({ refreshGeneration: 1 }), verified()]) {
      const it = new ConnectionUnderTest()
      it.advanceTo(GRACE_END - 1)
      it.reauth()
      it.advanceTo(GRACE_END + TICK_MS)
      it.say({ type: 'ping', id: 'too late' })
      it.takeFrames()
      await it.settle(verdict)
      t.strictSame(it.takeFrames().map(({ id }) => id), ['reauth'])
      t.strictSame(it.ends, [{ code: 4419, reason: 'token_expired' }])
    }
  })

  t.test('a second one that waits in time behind a bad one saves the socket', async t => {
    const it = new ConnectionUnderTest()
    it.advanceTo(GRACE_END - 1)
    it.reauth('bad')
    it.reauth('good')
    it.advanceTo(GRACE_END + TICK_MS)
    await it.settle(REFUSED)
    t.strictSame(it.ends, [])
    await it.settle(late)
    t.strictSame(it.ends, [])
    t.equal(it.connection.state, 'active')
  })

  t.test('an echo that waits across the expiry needs the reauth to succeed', async t => {
    for (const [verdict, answer] of [[late, 'echo'], [REFUSED, 'error']] as const) {
      const it = new ConnectionUnderTest()
      it.advanceTo(EXPIRY - 1)
      it.reauth()
      it.say({ type: 'echo', id: 'e', payload: {} })
      it.advance(TICK_MS)
      it.takeFrames()
      await it.settle(verdict)
      t.match(it.lastFrame, { type: answer, id: 'e' })
    }
  })
})

t.test('a session that ends while its reauth is verified closes once', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.reauth()
  it.say({ type: 'echo', payload: {} })
  it.connection.revoke(it.endSession('logout'))
  await it.settle(renewed)
  t.strictSame(it.takeFrames(), [{ type: 'session_revoked', payload: { reason: 'logout' } }])
  t.strictSame(it.ends, [{ code: 4410, reason: 'session_revoked' }])
})

t.test('the end of the session is seen after the verification, too', async t => {
  for (const verdict of [renewed, expired()]) {
    const it = new ConnectionUnderTest()
    it.takeFrames()
    it.reauth()
    it.say({ type: 'echo', payload: {} })
    it.endSession('password_changed')                       // the set knows, the registry does not yet
    await it.settle(verdict)
    t.strictSame(it.takeFrames(), [{ type: 'session_revoked', payload: { reason: 'password_changed' } }])
    t.strictSame(it.ends, [{ code: 4410, reason: 'session_revoked' }])
  }
})

t.test('a revoked access token of another session is a failed reauth', async t => {
  const it = new ConnectionUnderTest()
  const sessionId = randomUUID()
  it.endSession('logout', sessionId)
  await it.reauthWith(verified({ sessionId }))
  t.match(it.lastFrame, { type: 'error', payload: { code: 'invalid_token', fatal: false } })
  t.strictSame(it.ends, [])
})

t.test('when revocations may be missing no reauth succeeds, fails or counts', async t => {
  const it = new ConnectionUnderTest()
  it.stale = true
  for (let count = 0; count < 5; count++) {
    await it.reauthWith(count % 2 ? renewed : REFUSED)
    t.match(it.lastFrame, { type: 'error', id: 'reauth', payload: { code: 'temporarily_unavailable', retryable: true, fatal: false } })
  }
  t.strictSame(it.ends, [])
  it.stale = false
  await it.reauthWith(renewed)
  t.equal(it.lastFrame.type, 'reauth_success')
})

t.test('a socket that went away during a verification is left alone', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.reauth()
  it.say({ type: 'ping' })
  it.connection.onSocketClosed()
  await it.settle(renewed)
  await setImmediate()
  t.strictSame(it.takeFrames(), [])
  t.strictSame(it.observed.length, 1)
  t.equal(it.connection.dueTick, -1)
})

t.test('a key that was dropped while its access token was verified renews nothing', async t => {
  const it = new ConnectionUnderTest()
  it.takeFrames()
  it.reauth('r1')
  it.droppedKeys.add('key')
  await it.settle(renewed)
  t.match(it.takeFrames(), [{ type: 'error', id: 'r1', payload: { code: 'invalid_token' } }])
})
