import { withoutDatabase } from '../fixtures/without-database.js'
import type { Case } from './case.js'
import { statusAtApi, statusAtSocketServer, untilRefusedEverywhere } from './everywhere.js'
import { refresh } from './refreshing.js'

export const cases: Case[] = [
  {
    title: 'while PostgreSQL is away a revoked access token stays refused, nothing new is granted, and afterwards everybody goes on',
    ids: ['RT-10', 'HT-07'],
    async run (t, door) {
      const [over, kept] = [await door.signIn(), await door.signIn()]
      await door.request('/api/logout', { method: 'POST', headers: { cookie: over.cookie } })
      await untilRefusedEverywhere(door, over.accessToken)
      const socket = await door.connect({ headers: { authorization: `Bearer ${kept.accessToken}` } })
      await socket.frame('connected')
      await withoutDatabase(door, async () => {
        for (const api of door.apis) t.equal(await statusAtApi(api, over.accessToken), 401)
        for (const server of door.sockets) t.equal(await statusAtSocketServer(server, over.accessToken), 401)
        t.equal((await door.request('/api/protected', { headers: { authorization: 'Bearer rubbish' } })).status, 401)
        for (const path of ['/api/refresh', '/api/logout', '/api/ws-ticket']) {
          const answer = await door.request(path, { method: 'POST', headers: { cookie: kept.cookie, authorization: `Bearer ${kept.accessToken}` } })
          t.match({ status: answer.status, code: answer.json().code, cookie: answer.headers['set-cookie'] }, { status: 503, code: 'temporarily_unavailable', cookie: undefined }, path)
        }
        socket.say({ type: 'echo', id: 'still', payload: {} })
        t.match(await socket.answer('still'), { type: 'echo' }, 'an open socket goes on')
      })
      for (const api of door.apis) t.match([await statusAtApi(api, over.accessToken), await statusAtApi(api, kept.accessToken)], [401, 200])
      t.equal((await refresh(door, kept.cookie)).status, 200)
      await socket.leave()
    }
  }
]
