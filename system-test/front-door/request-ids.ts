import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { Part } from '../fixtures/front-door.js'
import type { Case } from './case.js'

const FORGED = '0123456789abcdef0123456789abcdef'

export const cases: Case[] = [{
  title: 'one id follows a request from nginx to the API, the audit log and the sockets; a client chooses none',
  ids: ['LO-01', 'LO-03'],
  async run (t, door) {
    const headers = { 'X-Request-Id': FORGED }
    const linesOf = (parts: Part[], id: unknown) => parts.flatMap(part => part.output().split('\n').filter(line => line.includes(`"requestId":"${id}"`)).map(line => JSON.parse(line)))
    const inAccessLog = async (path: string, id: unknown) => await until(() => door.nginx.accessLog().some(line => line['path'] === path && line['requestId'] === id))

    const account = await door.createAccount()
    const answer = await door.request('/api/login', { method: 'POST', headers, body: { username: account.username, password: account.password } })
    const id = answer.headers['x-request-id']
    t.match(id, /^[0-9a-f]{32}$/)
    await inAccessLog('/api/login', id)
    await until(() => linesOf(door.apis, id).some(({ msg }) => msg === 'request'))
    t.match(linesOf(door.apis, id).find(({ event }) => event === 'login.succeeded'), { userId: account.id })
    await until(async () => (await door.database.pool.query("select from audit_log where request_id = $1 and type = 'login.succeeded'", [id])).rowCount === 1)

    const client = await door.connect({ headers: { ...headers, authorization: `Bearer ${answer.json().accessToken}` } })
    const { payload: { connectionId } } = await client.frame('connected')
    await client.leave()
    const about = () => door.sockets.flatMap(part => part.output().split('\n').filter(line => line.includes(String(connectionId))).map(line => JSON.parse(line)))
    await until(() => about().length === 2)
    const [opened, closed] = about()
    t.match(opened, { event: 'socket.opened', userId: account.id, requestId: /^[0-9a-f]{32}$/ })
    t.match(closed, { event: 'socket.closed', requestId: opened.requestId })
    await inAccessLog('/ws', opened.requestId)

    const { requestId } = JSON.parse((await door.refusal({ headers: { ...headers, authorization: 'Bearer x' } })).body)
    await until(() => linesOf(door.sockets, requestId).length > 0)
    t.match(linesOf(door.sockets, requestId), [{ event: 'socket.refused', reason: 'invalid_token' }])
    await inAccessLog('/ws', requestId)
    t.same(linesOf([...door.apis, ...door.sockets], FORGED), [])
  }
}]
