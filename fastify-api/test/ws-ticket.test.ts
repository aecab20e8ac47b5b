import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { consumeWsTicket } from '../../uws-server/src/db/consume-ws-ticket.js'
import { createTicketVerifier } from '../../uws-server/src/tickets.js'
import { buyTicket, login, refresh, startApi } from './fixtures/api.js'

t.test('a ticket in the place of an access token', async t => {
  const { app, config, database: { pool } } = await startApi(t)
  const tickets = async () => (await pool.query('select * from ws_tickets')).rows
  t.beforeEach(() => pool.query('delete from ws_tickets'))

  t.test('is 32 random bytes, good for 30 seconds, and nobody keeps it', async t => {
    const { accessToken } = await login(app)
    const answer = await buyTicket(app, accessToken)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notOk('set-cookie' in answer.headers)
    const { ticket } = answer.json()
    t.strictSame(answer.json(), { ticket, expiresIn: 30 })
    t.match(ticket, /^[A-Za-z0-9_-]{43}$/)
    t.not((await buyTicket(app, accessToken)).json().ticket, ticket)

    const bytes = Buffer.from(ticket, 'base64url')
    const { rows } = await pool.query('select ws_tickets::text as row, extract(epoch from ticket_expires_at - now())::float8 as "expiresIn" from ws_tickets where ticket_hash = $1', [createHash('sha256').update(bytes).digest()])
    t.equal(rows.length, 1)
    t.ok(rows[0].expiresIn > 0 && rows[0].expiresIn <= 30)
    for (const form of [ticket, bytes.toString('hex'), bytes.toString('base64')]) t.notOk(rows[0].row.includes(form))
  })

  t.test('stands for that access token and no other of its session', async t => {
    const { refreshToken } = await login(app)
    await pool.query("update sessions set authenticated_at = authenticated_at - interval '1 hour'")
    const { accessToken } = (await refresh(app, refreshToken)).json()
    const claims = decodeJwt(accessToken)
    const { ticket } = (await buyTicket(app, accessToken)).json()
    await refresh(app, refreshToken)
    const verify = createTicketVerifier({ consume: hash => consumeWsTicket(pool, hash), issuer: config.JWT_ISSUER })
    t.strictSame(await verify(ticket), {
      kind: 'verified',
      principal: {
        subject: claims.sub,
        sessionId: claims['sid'],
        issuer: claims.iss,
        keyId: decodeProtectedHeader(accessToken).kid,
        issuedAt: claims.iat,
        expiresAt: claims.exp,
        authTime: claims['auth_time'],
        amr: ['pwd'],
        refreshGeneration: 1
      }
    })
    t.strictSame(await verify(ticket), { kind: 'refused', reason: 'ticket' })
    t.strictSame(await tickets(), [])
  })

  t.test('needs an access token whose session lives', async t => {
    const { accessToken, refreshToken } = await login(app)
    for (const authorization of ['', 'Bearer', `Bearer ${accessToken}x`, `Bearer ${refreshToken}`]) {
      t.match((await buyTicket(app, accessToken, { headers: { authorization } })).json(), { status: 401, code: 'invalid_token' })
    }
    await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${refreshToken}` } })
    const answer = await buyTicket(app, accessToken)
    t.match(answer.json(), { status: 401, code: 'invalid_token' })
    t.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
    t.strictSame(await tickets(), [])
  })

  t.test('a body is {} or nothing', async t => {
    const { accessToken } = await login(app)
    for (const options of [{}, { payload: {} }, { payload: '', headers: { 'content-type': 'application/json' } }]) t.equal((await buyTicket(app, accessToken, options)).statusCode, 200)
    for (const [options, code] of [
      [{ payload: { expiresIn: 3600 } }, 'invalid_request'], [{ payload: [] }, 'invalid_request'], [{ payload: 'null', headers: { 'content-type': 'application/json' } }, 'invalid_request'],
      [{ payload: 'x', headers: { 'content-type': 'text/plain' } }, 'unsupported_media_type'], [{ payload: { x: 'x'.repeat(20_000) } }, 'payload_too_large']
    ] as const) t.equal((await buyTicket(app, accessToken, { ...options, payload: options.payload as object })).json().code, code)
    t.equal((await tickets()).length, 3)
  })
})

t.test('an address buys so many a minute', async t => {
  const { app, database: { pool } } = await startApi(t, { RATE_LIMIT_MULTIPLIER: '0.05' })
  const { accessToken } = await login(app)
  for (let i = 0; i < 6; i++) t.equal((await buyTicket(app, accessToken)).statusCode, 200)
  const limited = await buyTicket(app, accessToken)
  t.match(limited.json(), { status: 429, code: 'rate_limited' })
  t.ok(Number(limited.headers['retry-after']) > 0)
  t.equal((await pool.query('select from ws_tickets')).rowCount, 6)
  t.equal((await buyTicket(app, accessToken, { remoteAddress: '192.0.2.1' })).statusCode, 200)
})
