import type { InjectOptions } from 'fastify'
import t from 'tap'
import { buyTicket, createOtherUser, deviceCookieOf, get, login, startApi } from './fixtures/api.js'
import { carriers, combinations, ENDPOINTS, type Carrier, type Credential, type Endpoint } from './fixtures/credential-matrix.js'
import { notARefusal } from './fixtures/problems.js'

const CARRIERS = carriers('')

t.test('each credential opens what it is for, carried as it should be, and nothing else', async t => {
  const api = await startApi(t)
  const { app, database: { pool } } = api
  const known = await createOtherUser(api, 'someone')
  const signIn = async () => {
    const session = await login(app, known)
    const texts: Record<Credential, string> = {
      'access token': session.accessToken,
      'refresh token': session.refreshToken,
      'device cookie': deviceCookieOf(session.response)!,
      ticket: (await buyTicket(app, session.accessToken)).json().ticket,
      'session id': session.sessionId,
      'user id': session.userId,
      password: known.password,
      garbage: 'eyJhbGciOiJub25lIn0.e30.'
    }
    return { ...session, texts }
  }
  const stateOf = async () => [
    (await pool.query('select id, generation, replays, authenticated_at, revoked_at from sessions order by id')).rows,
    (await pool.query('select * from revocations order by sid')).rows,
    (await pool.query('select * from devices order by id')).rows,
    (await pool.query('select * from ws_tickets order by ticket_hash')).rows
  ]
  const send = (method: Endpoint['method'], url: string, carried: InjectOptions, payload?: object) =>
    app.inject({ method, url, ...carried, ...((payload ?? carried.payload) && { payload: { ...payload, ...carried.payload as object } }) })

  for (const { method, path, opensWith, payload } of ENDPOINTS) {
    t.test(`${method} ${path}`, async t => {
      const { texts, sessionId, accessToken } = await signIn()
      const device = (await get(app, '/api/sessions', accessToken)).json().sessions.find(({ id }: { id: string }) => id === sessionId).device
      const before = await stateOf()
      const url = path.replace(':current', sessionId).replace(':device', device)
      for (const [credential, carrier] of combinations(texts)) {
        if (credential === opensWith[0] && carrier === opensWith[1]) continue
        const answer = await send(method, url, CARRIERS[carrier](texts[credential]), payload?.(known))
        t.equal(notARefusal(answer), undefined, `${credential} as ${carrier}`)
        t.ok([400, 401].includes(answer.statusCode), `${credential} as ${carrier}: ${answer.statusCode}`)
        t.notOk('set-cookie' in answer.headers)
      }
      t.same(await stateOf(), before, 'nothing has changed')
      const answer = await send(method, url, CARRIERS[opensWith[1]](texts[opensWith[0]]), payload?.(known))
      t.ok([200, 204].includes(answer.statusCode), `${opensWith[0]} as ${opensWith[1]}`)
    })
  }

  t.test('POST /api/logout answers everybody alike, and ends a session for two of them only', async t => {
    const ends: ReadonlyArray<readonly [Credential, Carrier]> = [['access token', 'Bearer'], ['refresh token', 'cookie']]
    for (const [credential, carrier] of combinations((await signIn()).texts)) {
      const { texts, sessionId } = await signIn()
      const answer = await send('POST', '/api/logout', CARRIERS[carrier](texts[credential]))
      t.equal(answer.statusCode, carrier.endsWith('in the body') ? 400 : 204)
      const { rows } = await pool.query('select revoked_at is not null as over from sessions where id = $1', [sessionId])
      t.equal(rows[0].over, ends.some(([one, as]) => one === credential && as === carrier), `${credential} as ${carrier}`)
    }
  })

  t.test('a reauthentication takes the password of the access token\'s user, and no other credential', async t => {
    const { texts, accessToken } = await signIn()
    const stranger = await createOtherUser(api, 'stranger')
    const confirm = async (password: string) => (await app.inject({ method: 'POST', url: '/api/reauthenticate', payload: { password }, headers: { authorization: `Bearer ${accessToken}` } })).json().code
    for (const [credential, text] of Object.entries(texts)) if (credential !== 'password') t.equal(await confirm(text), text.length > 1024 ? 'invalid_request' : 'invalid_credentials', credential)
    t.equal(await confirm(stranger.password), 'invalid_credentials')
  })
})
