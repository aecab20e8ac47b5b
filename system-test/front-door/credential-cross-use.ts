import { Agent } from 'node:https'
import { carriers, combinations, ENDPOINTS, type Carried, type Credential, type Endpoint } from '../../fastify-api/test/fixtures/credential-matrix.js'
import { notARefusal } from '../../fastify-api/test/fixtures/problems.js'
import type { SocketOptions } from '../fixtures/door-client.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { inParallel } from './in-parallel.js'

const CARRIERS = carriers('__Host-')
const AT_ONCE = 8

type Credentials = Record<Credential, string> & { sessionId: string }

async function allCredentials (door: FrontDoor): Promise<Credentials & { username: string }> {
  const account = await door.createAccount()
  const { accessToken, cookie, cookies, body } = await door.signIn(account)
  return {
    'access token': accessToken,
    'refresh token': cookie.slice(cookie.indexOf('=') + 1),
    'device cookie': cookies.find(line => line.startsWith('__Host-device='))!.split(/[=;]/)[1]!,
    ticket: await buyTicket(door, accessToken),
    'session id': body.session.id,
    'user id': account.id,
    password: account.password,
    garbage: 'eyJhbGciOiJub25lIn0.e30.',
    sessionId: body.session.id,
    username: account.username
  }
}

async function buyTicket (door: FrontDoor, accessToken: string): Promise<string> {
  return (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } })).json().ticket
}

const credentialsIn = ({ sessionId, username, ...texts }: Credentials & { username: string }): Record<Credential, string> => texts

async function send (door: FrontDoor, { method, path, payload }: Endpoint, { headers, payload: carried, query }: Carried, known: { username: string, password: string }, agent: Agent) {
  const body = payload || carried ? { ...payload?.(known), ...carried } : undefined
  return await door.request(query ? `${path}?${new URLSearchParams(query)}` : path, { method, agent, ...headers && { headers }, ...body && { body } })
}

/** What a credential that was refused must not have changed. */
async function stateOf ({ database: { pool } }: FrontDoor, userId: string): Promise<unknown> {
  const rows = async (query: string) => (await pool.query(query, [userId])).rows
  return [
    await rows('select id, generation, replays, authenticated_at, revoked_at from sessions where user_id = $1 order by id'),
    await rows('select * from revocations where user_id = $1 order by sid'),
    await rows('select id, last_used_at from devices where user_id = $1 order by id')
  ]
}

const atEndpoints: Case[] = ENDPOINTS.map(endpoint => ({
  title: `credentials at ${endpoint.method} ${endpoint.path}: one opens it, in one carrier`,
  ids: ['JW-15', 'JW-16'],
  async run (t, door) {
    const known = await allCredentials(door)
    const texts = credentialsIn(known)
    const device = (await door.database.pool.query<{ device_id: string }>('select device_id from sessions where id = $1', [known.sessionId])).rows[0]!.device_id
    const concrete = { ...endpoint, path: endpoint.path.replace(':current', known.sessionId).replace(':device', device) }
    const [credential, carrier] = endpoint.opensWith
    const before = await stateOf(door, known['user id'])
    const wrong = combinations(texts).filter(([one, as]) => one !== credential || as !== carrier)
    const agent = new Agent({ keepAlive: true })
    const found: string[] = []
    await inParallel(AT_ONCE, wrong, async ([one, as]) => {
      const answer = await send(door, concrete, CARRIERS[as](texts[one]), known, agent)
      const objection = notARefusal({ ...answer, statusCode: answer.status }) ?? ([400, 401].includes(answer.status) ? undefined : `status ${answer.status}`)
      if (objection !== undefined || answer.headers['set-cookie']) found.push(`${one} as ${as}: ${objection ?? 'a cookie'}`)
    })
    t.strictSame(found, [])
    t.same(await stateOf(door, known['user id']), before, 'nothing has changed')
    t.ok([200, 204].includes((await send(door, concrete, CARRIERS[carrier](texts[credential]), known, agent)).status), `${credential} as ${carrier}`)
    agent.destroy()
  }
}))

/** How a credential can come with a handshake. */
const HANDSHAKES: Record<string, (text: string) => SocketOptions> = {
  Bearer: text => ({ headers: { authorization: `Bearer ${text}` } }),
  '?token=': text => ({ query: `token=${encodeURIComponent(text)}` }),
  '?ticket=': text => ({ query: `ticket=${encodeURIComponent(text)}` })
}
/** What is no carrier: the socket opens, for a stranger. */
const NO_CARRIERS: Record<string, (text: string) => SocketOptions> = {
  'refresh cookie': text => ({ headers: { cookie: `__Host-refreshToken=${text}` } }),
  'device cookie': text => ({ headers: { cookie: `__Host-device=${text}` } }),
  'another cookie': text => ({ headers: { cookie: `accessToken=${text}; token=${text}; ticket=${text}` } }),
  'another header': text => ({ headers: { 'x-access-token': text, 'proxy-authorization': `Bearer ${text}` } }),
  '?access_token=': text => ({ query: `access_token=${encodeURIComponent(text)}` })
}
const OPENS = new Set(['access token as Bearer', 'access token as ?token=', 'ticket as ?ticket='])

const atSockets: Case[] = [
  {
    title: 'credentials at /ws: an access token or a ticket opens it, each in its own carriers',
    ids: ['JW-15', 'JW-16'],
    async run (t, door) {
      const texts = credentialsIn(await allCredentials(door))
      const tried = (Object.keys(texts) as Credential[]).flatMap(credential => Object.keys(HANDSHAKES).map(carrier => ({ credential, carrier })))
      await inParallel(AT_ONCE, tried, async ({ credential, carrier }) => {
        const options = HANDSHAKES[carrier]!(texts[credential])
        if (!OPENS.has(`${credential} as ${carrier}`)) {
          t.match(await door.refusal(options), { status: 401, body: /"code":"invalid_token"/ }, `${credential} as ${carrier}`)
          return
        }
        const socket = await door.connect(options)
        t.match(await socket.frame('connected'), { payload: { userId: texts['user id'] } }, `${credential} as ${carrier}`)
        await socket.leave()
      })
      await inParallel(AT_ONCE, Object.entries(NO_CARRIERS), async ([carrier, options]) => {
        const socket = await door.connect(options(texts['access token']))
        t.match(await socket.frame('connected'), { payload: { anonymous: true } }, carrier)
        await socket.leave()
      })
    }
  },
  {
    title: 'credentials in messages: an access token only, for auth and for reauth',
    ids: ['JW-15', 'JW-18'],
    async run (t, door) {
      const texts = credentialsIn(await allCredentials(door))
      const others = (Object.keys(texts) as Credential[]).filter(credential => credential !== 'access token')
      await inParallel(AT_ONCE, others, async credential => {
        const stranger = await door.connect()
        stranger.say({ type: 'auth', access: texts[credential] })
        t.match(await stranger.closed, { code: 4401 }, `${credential} for auth`)
        const member = await door.connect({ headers: { authorization: `Bearer ${texts['access token']}` } })
        member.say({ type: 'reauth', id: 'other', access: texts[credential] })
        t.match(await member.answer('other'), { type: 'error', payload: { code: 'invalid_token' } }, `${credential} for reauth`)
        member.say({ type: 'reauth', id: 'own', access: texts['access token'] })
        t.match(await member.answer('own'), { type: 'reauth_success' })
        await member.leave()
      })
      const socket = await door.connect({ query: `ticket=${texts.ticket}` })
      t.match(await socket.frame('connected'), { payload: { userId: texts['user id'] } }, 'the ticket is good, and was not used up')
      await socket.leave()
    }
  },
  {
    title: 'a device cookie of somebody else makes nobody known, and a session cookie of somebody else signs nobody out of theirs',
    ids: ['JW-15'],
    async run (t, door) {
      const [one, other] = [await allCredentials(door), await allCredentials(door)]
      const again = await door.signIn({ username: one.username, password: one.password }, { headers: { cookie: `__Host-device=${other['device cookie']}` } })
      const { rows } = await door.database.pool.query('select count(*)::int as devices from devices where user_id = $1', [one['user id']])
      t.same(rows, [{ devices: 2 }], 'a new device')
      t.equal((await door.request('/api/logout', { method: 'POST', headers: { cookie: `__Host-device=${again.cookie}; __Host-refreshToken=${again.accessToken}` } })).status, 204)
      t.equal((await door.request('/api/refresh', { method: 'POST', headers: { cookie: again.cookie } })).status, 200, 'which ended nothing')
    }
  }
]

export const cases: Case[] = [...atEndpoints, ...atSockets]
