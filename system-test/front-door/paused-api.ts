import { once } from 'node:events'
import { connect } from 'node:net'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { Case } from './case.js'
import { leaveReplayWindow, refresh } from './refreshing.js'

export const cases: Case[] = [
  {
    title: 'a refresh that waited in an API that was paused, while another one answered it, is no theft',
    ids: ['RT-02', 'HT-07'],
    async run (t, door) {
      const { cookie, body: { session: { id } } } = await door.signIn()
      const [paused, other] = door.apis
      const { pid } = paused!
      t.teardown(() => process.kill(pid, 'SIGCONT'))
      process.kill(pid, 'SIGSTOP')
      // What nginx does: it gives the request to one, gives up, and asks the other.
      const given = connect(paused!.port, '127.0.0.1')
      await once(given, 'connect')
      given.end(`POST /api/refresh HTTP/1.1\r\nHost: ${door.host}\r\nCookie: ${cookie}\r\nContent-Length: 0\r\n\r\n`)
      const answered = await fetch(`${other!.url}/api/refresh`, { method: 'POST', headers: { cookie } })
      const { accessToken } = await answered.json() as { accessToken: string }
      await fetch(`${other!.url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
      await until(async () => (await door.database.pool.query('select from sessions where id = $1 and confirmed_generation = generation', [id])).rowCount === 1)
      await leaveReplayWindow(door, id)
      given.destroy()

      const printed = paused!.output().length
      process.kill(pid, 'SIGCONT')
      await until(() => paused!.output().slice(printed).includes('refresh.abandoned'))
      t.notMatch(paused!.output().slice(printed), 'session.theft')
      t.equal((await refresh(door, answered.headers.getSetCookie()[0]!.split(';')[0]!)).status, 200)
    }
  }
]
