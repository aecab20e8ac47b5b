import type { Answer } from '../fixtures/front-door.js'
import type { Case } from './case.js'

export const cases: Case[] = [
  {
    title: 'a reload under load fails no request and closes no socket',
    ids: [],
    async run (t, door) {
      const { accessToken } = await door.signIn()
      const socket = await door.connect({ query: `token=${accessToken}` })
      await socket.frame('connected')
      const reloads = new AbortController()
      const answers: Answer[] = []
      const ask = async () => {
        while (!reloads.signal.aborted) answers.push(await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } }))
      }
      const asking = Promise.all([ask(), ask(), ask(), ask()])
      for (let i = 0; i < 3; i++) await door.nginx.reload()
      reloads.abort()
      await asking
      t.ok(answers.length > 3)
      t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
      socket.say({ type: 'echo', id: 'after', payload: { n: 1 } })
      t.match(await socket.answer('after'), { type: 'echo' })
      await socket.leave()
      t.notMatch(door.nginx.errorLog(), /\[(?:error|crit|alert|emerg)\]/)
    }
  }
]
