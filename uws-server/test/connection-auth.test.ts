import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ALICE, AUTH_TIMEOUT_MS, ConnectionUnderTest, LIFETIME_MS, REFUSED, START, TICK_MS, expired, ids, types, verified } from './fixtures/connection.js'

const anonymous = () => new ConnectionUnderTest({ principal: null })

t.test('a socket without a credential is greeted as anonymous', async t => {
  const it = anonymous()
  t.strictSame(it.takeFrames(), [{ type: 'connected', payload: { connectionId: 'connection-1', anonymous: true } }])
  t.strictSame(it.observed, [])
  t.equal(it.connection.state, 'anonymous')
})

t.test('auth makes it what a socket is that was opened with the access token', async t => {
  const it = anonymous()
  it.takeFrames()
  it.advance(3000)
  it.auth('a')
  await it.settle(verified({ refreshGeneration: 2 }))
  t.strictSame(it.takeFrames(), [{
    type: 'connected',
    id: 'a',
    payload: {
      connectionId: 'connection-1',
      userId: ALICE.subject,
      sessionId: ALICE.sessionId,
      expiresAt: '2027-01-15T08:15:00.000Z',
      expiresInMs: LIFETIME_MS - 3000,
      serverTime: '2027-01-15T08:00:03.000Z'
    }
  }])
  t.equal(it.authenticated, 1)
  t.strictSame(it.observed, [[ALICE.sessionId, 2]])
  t.equal(it.connection.state, 'active')
  it.advance(AUTH_TIMEOUT_MS)
  t.strictSame(it.ends, [], 'the time-out is forgotten')
  it.advanceTo(START + LIFETIME_MS - 120_000)
  t.strictSame(types(it.takeFrames()), ['token_expiring'])
})

t.test('before that only ping, auth and bye are read', async t => {
  const it = anonymous()
  it.takeFrames()
  it.say({ type: 'ping', id: 'p' })
  it.say({ type: 'echo', id: 'e', payload: { secret: 1 } })
  it.say({ type: 'reauth', id: 'r', access: 'access token' })
  const [pong, echo, reauth] = it.takeFrames()
  t.equal(pong!.type, 'pong')
  for (const [frame, id] of [[echo, 'e'], [reauth, 'r']] as const) t.match(frame, { type: 'error', id, payload: { code: 'invalid_token', retryable: true, fatal: false } })
  t.equal(it.verifying.length, 0)
  it.say({ type: 'bye' })
  t.strictSame(it.ends, [{ code: 1000, reason: 'bye' }])
})

t.test('what follows an auth waits for it', async t => {
  const it = anonymous()
  it.takeFrames()
  it.auth('a')
  it.say({ type: 'echo', id: 'e', payload: {} })
  it.say({ type: 'auth', id: 'again', access: 'access token' })
  t.strictSame(it.takeFrames(), [])
  await it.settle(verified())
  const frames = it.takeFrames()
  t.strictSame(ids(frames), ['a', 'e', 'again'])
  t.strictSame(types(frames), ['connected', 'echo', 'error'])
  t.match(frames[2], { payload: { code: 'invalid_request', fatal: false } })
  t.equal(it.verifying.length, 0)
})

t.test('nothing that follows a refused auth is executed', async t => {
  const it = anonymous()
  it.takeFrames()
  it.auth('a')
  it.say({ type: 'echo', id: 'e', payload: {} })
  await it.settle(REFUSED)
  t.match(it.takeFrames(), [{ type: 'error', id: 'a', payload: { code: 'invalid_token', fatal: true } }])
  t.strictSame(it.ends, [{ code: 4401, reason: 'invalid_token' }])
  t.equal(it.authenticated, 0)
})

t.test('an access token that has expired, and one of a session that has ended', async t => {
  const late = anonymous()
  late.auth()
  await late.settle(expired())
  t.match(late.lastFrame, { type: 'error', payload: { code: 'token_expired', fatal: true } })
  t.strictSame(late.ends, [{ code: 4419, reason: 'token_expired' }])

  const ended = anonymous()
  ended.auth()
  ended.endSession('refresh_reuse')
  await ended.settle(verified())
  t.match(ended.lastFrame, { type: 'session_revoked', payload: { reason: 'refresh_reuse' } })
  t.strictSame(ended.ends, [{ code: 4410, reason: 'session_revoked' }])
})

t.test('while nobody can tell which sessions go on, nobody gets in', async t => {
  const it = anonymous()
  it.stale = true
  it.auth()
  await it.settle(verified())
  t.match(it.lastFrame, { type: 'error', payload: { code: 'temporarily_unavailable', fatal: true } })
  t.strictSame(it.ends, [{ code: 1013, reason: 'try again later' }])
})

t.test('no credential in time', async t => {
  const it = anonymous()
  it.takeFrames()
  it.advance(AUTH_TIMEOUT_MS - 1)
  t.strictSame(it.ends, [])
  it.advance(TICK_MS)
  t.match(it.takeFrames(), [{ type: 'error', payload: { code: 'auth_timeout', fatal: true } }])
  t.strictSame(it.ends, [{ code: 4408, reason: 'auth_timeout' }])
})

t.test('a credential that came in time may be verified after it', async t => {
  const it = anonymous()
  it.advance(AUTH_TIMEOUT_MS - 1)
  it.auth()
  it.advance(10 * TICK_MS)
  t.strictSame(it.ends, [])
  await it.settle(verified())
  t.equal(it.connection.state, 'active')
  it.advanceTo(START + LIFETIME_MS - 120_000)
  t.equal(it.connection.state, 'expiring')
})

t.test('an address with too many failed authentications is not verified for', async t => {
  const it = anonymous()
  for (let failure = 0; failure < 10; failure++) it.source.noteFailure(it.now)
  it.auth()
  await setImmediate()
  t.equal(it.verifying.length, 0)
  t.match(it.lastFrame, { type: 'error', payload: { code: 'rate_limited', fatal: true } })
  t.strictSame(it.ends, [{ code: 4429, reason: 'rate_limited' }])
})

t.test('a failed auth counts against the address, an expired access token does not', async t => {
  const it = anonymous()
  const mayAuthenticate = async (now = it.now) => await it.source.attempt(() => now, async () => ({ kind: 'verified' })) !== undefined
  for (let failure = 0; failure < 9; failure++) it.source.noteFailure(it.now)
  const late = new ConnectionUnderTest()
  late.reauth()
  await late.settle(expired())
  t.ok(await mayAuthenticate())
  it.auth()
  await it.settle(REFUSED)
  t.notOk(await mayAuthenticate())
  t.ok(await mayAuthenticate(it.now + 6001))
})

t.test('who they are gives them the limits of the known', async t => {
  const it = new ConnectionUnderTest({ principal: null, limits: { messages: { perSecond: 0.001, burst: 3 } } })
  it.say({ type: 'ping' })
  it.auth()
  await it.settle(verified())
  it.takeFrames()
  for (let count = 0; count < 4; count++) it.say({ type: 'ping' })
  t.strictSame(types(it.takeFrames()), ['pong', 'pong', 'pong', 'error'])
})

t.test('malformed messages count on an anonymous socket as on any', async t => {
  const it = anonymous()
  for (let count = 0; count < 5; count++) it.say({ type: 'auth' })
  t.strictSame(it.ends, [{ code: 4400, reason: 'bad_request' }])
})
