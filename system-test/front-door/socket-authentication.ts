import { ANONYMOUS } from '../conformance/cases/anonymous.js'
import { OPENING } from '../conformance/cases/opening.js'
import { TICKETS } from '../conformance/cases/tickets.js'
import { message } from '../conformance/frame-bytes.js'
import { RawClient, handshake } from '../conformance/raw-client.js'
import type { Case as Sentence } from '../conformance/runner.js'
import { connectBare } from '../conformance/target.js'
import type { Case } from './case.js'
import { doorTarget } from './door-target.js'
import { keepsContract } from './socket-contract.js'

/** Those that wait for a time-out are played in conformance.test.ts. */
const quick = (sentences: readonly Sentence[]) => sentences.filter(({ lane }) => lane === undefined)

export const cases: Case[] = [{
  title: 'a socket is opened by one credential, in one place',
  ids: ['WS-02'],
  run: (t, door) => keepsContract(t, door, quick(OPENING))
}, {
  title: 'a ticket opens one socket, once, on whichever server',
  ids: ['WS-02'],
  run: (t, door) => keepsContract(t, door, quick(TICKETS))
}, {
  title: 'what comes before or with a credential waits for it, and is not executed when it is bad',
  ids: ['WS-02', 'WS-03'],
  run: (t, door) => keepsContract(t, door, quick(ANONYMOUS))
}, {
  title: 'everything in one write: handshake, a bad credential and commands; nothing has an effect',
  ids: ['WS-03'],
  async run (t, door) {
    const target = await doorTarget(door)
    const { accessToken } = await door.signIn()
    const effect = { type: 'echo', payload: { executed: true } }
    for (const credential of ['bad', `${accessToken.slice(0, -2)}xx`, undefined]) {
      const client = new RawClient(await connectBare(target, undefined))
      const messages = [effect, ...credential === undefined ? [] : [{ type: 'auth', access: credential }], effect, { type: 'reauth', access: accessToken }, effect, { type: 'bye' }]
      client.write(handshake({ host: door.host }), ...messages.map(message))
      t.equal((await client.head())?.status, 101)
      await client.ended()
      t.notOk(client.messages.some(({ type }) => type === 'echo'), String(credential).slice(0, 10))
    }
  }
}, {
  title: 'no access token and no ticket of an address is in a log of nginx or of a server',
  ids: ['WS-02'],
  async run (t, door) {
    const { accessToken } = await door.signIn()
    const { ticket } = (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } })).json()
    for (const query of [`token=${accessToken}`, `ticket=${ticket}`]) {
      const socket = await door.connect({ query })
      await socket.frame('connected')
      await socket.leave()
    }
    for (const query of [`token=${accessToken}x`, `ticket=${ticket}`]) t.equal((await door.refusal({ query })).status, 401)
    await door.refusal({ query: `token=${accessToken}&ticket=${ticket}` })
    const opened = () => door.nginx.accessLog().filter(({ path }) => path === '/ws')
    while (opened().length < 5) await new Promise(resolve => setTimeout(resolve, 20))
    const logs = [JSON.stringify(door.nginx.accessLog()), door.nginx.errorLog(), ...[...door.apis, ...door.sockets].map(({ output }) => output())]
    for (const secret of [ticket, ...accessToken.split('.').slice(1), 'token=', 'ticket=']) t.notOk(logs.some(log => log.includes(secret)), secret.slice(0, 8))
  }
}]
