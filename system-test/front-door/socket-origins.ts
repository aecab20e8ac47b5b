import { once } from 'node:events'
import { connect } from 'node:net'
import { ORIGIN } from '../conformance/cases/origin.js'
import type { Case } from './case.js'
import { foreignOrigins } from './foreign-origins.js'
import { keepsContract } from './socket-contract.js'

export const cases: Case[] = [{
  title: 'a page on the list may open a socket and no other, whatever its credential; tools send no Origin',
  ids: ['WS-01'],
  async run (t, door) {
    await keepsContract(t, door, ORIGIN)
    const { accessToken } = await door.signIn()
    const ticket = async () => (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } })).json().ticket as string
    const kept = await ticket()
    for (const origin of foreignOrigins(door)) {
      for (const [query, headers] of [[`token=${accessToken}`, {}], ['', { authorization: `Bearer ${accessToken}` }], [`ticket=${kept}`, {}], ['', {}]] as const) {
        const { status, body } = await door.refusal({ query, headers: { ...headers, origin } })
        t.match({ status, ...JSON.parse(body) }, { status: 403, code: 'origin_not_allowed' }, origin)
      }
    }
    for (const how of [{ query: `ticket=${kept}`, origin: door.origin }, { query: `ticket=${await ticket()}` }]) {
      const socket = await door.connect(how)
      t.match(await socket.frame('connected'), { payload: { sessionId: String } }, 'refusals have not used the ticket up')
      await socket.leave()
    }
  }
}, {
  title: 'there is no socket over plain http, and none past nginx but from the machine itself',
  ids: ['WS-01'],
  async run (t, door) {
    const { accessToken } = await door.signIn()
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAECAwQFBgcICQoLDA0ODw==', authorization: `Bearer ${accessToken}` }
    const { status, body } = await door.request('/ws', { headers, http: true })
    t.equal(status, 403)
    t.notMatch(body, accessToken)
    for (const { port } of door.sockets) {
      const past = connect({ host: '127.0.0.2', port })
      const outcome = await Promise.race([once(past, 'connect').then(() => 'connected'), once(past, 'close').then(() => 'refused')]).catch(() => 'refused')
      past.destroy()
      t.equal(outcome, 'refused', 'by default it listens on 127.0.0.1 alone')
    }
  }
}]
