import type { Test } from 'tap'
import type { FrontDoor } from '../fixtures/front-door.js'

export const cases = [
  {
    title: 'a sign-in, a refresh, a protected route and a socket',
    ids: ['NG-01'],
    async run (t: Test, door: FrontDoor) {
      const { accessToken, cookie } = await door.signIn()
      const refreshed = await door.request('/api/refresh', { method: 'POST', headers: { cookie } })
      t.equal(refreshed.status, 200)
      t.equal((await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } })).status, 200)
      const socket = await door.connect({ query: `token=${accessToken}` })
      await socket.frame('connected')
      await socket.leave()
    }
  }
]
