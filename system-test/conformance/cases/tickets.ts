import { endOf } from '../account.js'
import { Unexpected, contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Session } from '../account.js'
import { pause } from '../waiting.js'

const TICKET_LIFE_MS = 30_000

async function buyTicket (session: Session): Promise<string> {
  const { status, body } = await session.ask('/api/ws-ticket', { method: 'POST' })
  if (status !== 200 || typeof body['ticket'] !== 'string') throw new Unexpected('HTTP 200 with a ticket', `HTTP ${status}`)
  return body['ticket']
}

export const TICKETS = inGroup('TICKET', [
  {
    sentence: 'POST /api/ws-ticket answers {ticket, expiresIn: 30}, not cached',
    async play (scene) {
      const { status, body, headers } = await (await scene.signIn()).ask('/api/ws-ticket', { method: 'POST' })
      same('the status', status, 200)
      same('expiresIn', body['expiresIn'], 30)
      holds(typeof body['ticket'] === 'string' && body['ticket'].length >= 22, 'a ticket', typeof body['ticket'])
      holds(headers['cache-control']?.includes('no-store') === true, 'Cache-Control: no-store', headers['cache-control'])
    }
  },
  {
    sentence: 'POST /api/ws-ticket without an access token is 401',
    async play (scene) {
      const { status, body } = await scene.options.account.send('/api/ws-ticket', { method: 'POST', source: scene.source })
      contains('the answer', { status, ...body }, { status: 401, code: 'invalid_token' })
    }
  },
  {
    sentence: 'a ticket opens the socket for the user, the session and the end of the access token that bought it',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.connect({ ticket: await buyTicket(session) })
      const { sub, sid } = session.claims
      contains('the greeting', client.frames[0], { type: 'connected', payload: { userId: sub, sessionId: sid, expiresAt: new Date(endOf(session.access)).toISOString() } })
      await client.works()
    }
  },
  {
    sentence: 'a page opens with a ticket',
    async play (scene) { await scene.connect({ ticket: await buyTicket(await scene.signIn()), origin: scene.options.origin }) }
  },
  {
    sentence: 'a ticket stands for its access token: the same one in a reauth is unchanged, a newer one renews',
    async play (scene) {
      const session = await scene.signIn()
      const client = await scene.connect({ ticket: await buyTicket(session) })
      contains('the answer', await client.ask({ type: 'reauth', access: session.access }), { type: 'reauth_success', payload: { unchanged: true } })
      const renewed = await client.ask({ type: 'reauth', access: await session.refresh() })
      contains('the answer', renewed, { type: 'reauth_success' })
      same('unchanged', renewed.payload['unchanged'], undefined)
    }
  },
  {
    sentence: 'a used ticket is 401, and 4401 to a page',
    async play (scene) {
      const ticket = await buyTicket(await scene.signIn())
      await scene.connect({ ticket })
      await scene.refusal(401, 'invalid_token', { ticket })
      await scene.pageRefusal(4401, { ticket })
    }
  },
  {
    sentence: 'eight sockets at once with one ticket: one opens, seven are 401',
    async play (scene) {
      const ticket = await buyTicket(await scene.signIn())
      const openings = await Promise.all(Array.from({ length: 8 }, () => scene.open({ ticket })))
      same('the results', openings.map(opening => opening.kind === 'open' ? 101 : opening.answer.status).sort().join(), '101,401,401,401,401,401,401,401')
    }
  },
  {
    sentence: 'wrong tickets are 401, and 4401 to a page',
    async play (scene) {
      const ticket = await buyTicket(await scene.signIn())
      const wrong = [`${ticket.startsWith('A') ? 'B' : 'A'}${ticket.slice(1)}`, ticket.slice(1), `${ticket}A`, '']
      for (const ticket of wrong) await scene.refusal(401, 'invalid_token', { query: `ticket=${ticket}` })
      await scene.pageRefusal(4401, { ticket: wrong[0]! })
      await scene.connect({ ticket })
    }
  },
  {
    sentence: 'a ticket next to an access token is 400, and so are two tickets; none of them is used up',
    async play (scene) {
      const session = await scene.signIn()
      const ticket = await buyTicket(session)
      await scene.refusal(400, 'invalid_request', { ticket, access: session.access })
      await scene.refusal(400, 'invalid_request', { ticket, token: session.access })
      await scene.refusal(400, 'invalid_request', { query: `ticket=${ticket}&ticket=${ticket}` })
      await scene.connect({ ticket })
    }
  },
  {
    sentence: 'a ticket in the place of an access token is 401, and an access token in the place of a ticket too',
    async play (scene) {
      const session = await scene.signIn()
      await scene.refusal(401, 'invalid_token', { access: await buyTicket(session) })
      await scene.refusal(401, 'invalid_token', { ticket: session.access })
    }
  },
  {
    sentence: 'the ticket of a session that has ended is 401, and 4410 to a page',
    async play (scene) {
      const session = await scene.signIn()
      const [one, other] = [await buyTicket(session), await buyTicket(session)]
      const witness = await scene.connect({ access: session.access })
      await session.logout()
      await witness.closesWith(4410)
      await scene.refusal(401, 'invalid_token', { ticket: one })
      await scene.pageRefusal(4410, { ticket: other })
    }
  },
  {
    sentence: 'a ticket for a foreign page is 403 and not used up',
    async play (scene) {
      const ticket = await buyTicket(await scene.signIn())
      await scene.refusal(403, 'origin_not_allowed', { ticket, origin: 'https://evil.example' })
      await scene.connect({ ticket })
    }
  },
  {
    sentence: 'a ticket of more than 30 s ago is 401',
    lane: 'slow',
    async play (scene) {
      const ticket = await buyTicket(await scene.signIn())
      await pause(TICKET_LIFE_MS + 1000)
      await scene.refusal(401, 'invalid_token', { ticket })
    }
  }
])
