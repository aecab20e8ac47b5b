import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { freePort } from '../fixtures/part.js'
import { startNginxAlone } from '../fixtures/nginx-alone.js'
import type { Case } from './case.js'

/** A server that reads a request and dies of it. @returns its port, and how many it has read */
async function hangUp (t: Test): Promise<{ port: number, read: () => number }> {
  let requests = 0
  const server = createServer(socket => {
    socket.on('error', () => {}).once('data', () => {
      requests += 1
      socket.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, read: () => requests }
}

export const cases: Case[] = [
  {
    title: 'a refresh whose API dies is repeated on another, another POST is not',
    ids: [],
    async run (t) {
      const dying = await hangUp(t)
      const { request, received } = await startNginxAlone(t, { WS_UPSTREAMS: `127.0.0.1:${await freePort()}` }, dying.port)
      // They take turns. After three failures the dying one would be left out for a second.
      const untilItDies = async (path: string) => {
        const [before, seen, statuses] = [dying.read(), received.length, [] as number[]]
        while (dying.read() === before) statuses.push((await request(path, { method: 'POST' })).status)
        return { last: statuses.at(-1), told: received.length - seen, asked: statuses.length }
      }
      for (const path of ['/api/login', '/api/logout']) {
        const { last, told, asked } = await untilItDies(path)
        t.equal(last, 503)
        t.equal(told, asked - 1, `${path}: what one has read no other is told`)
      }
      const { last, told, asked } = await untilItDies('/api/refresh')
      t.equal(last, 200)
      t.equal(told, asked)
    }
  },
  {
    title: 'while one of two is down every request is answered',
    ids: [],
    async run (t) {
      const { request } = await startNginxAlone(t, {}, await freePort())
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => request(i % 2 ? '/api/login' : '/ws', { method: i % 2 ? 'POST' : 'GET' })))
      t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
    }
  }
]
