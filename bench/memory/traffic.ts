import { once } from 'node:events'
import { WebSocket } from 'ws'
import { refreshPersistently, signIn, type HttpClient } from '../../system-test/fixtures/http-client.js'
import type { LocalMode } from '../../system-test/fixtures/local-mode.js'
import { progress } from '../harness/command-line.js'

const REFRESHES_EACH = 20
const REQUESTS_EACH = 100
const SOCKETS_EACH = 5
const ECHOES_EACH = 20

/** Uses everything: clients that sign in, refresh, ask and open sockets. @returns what it has done, in a sentence */
export async function traffic (local: LocalMode, count: number): Promise<string> {
  progress('signing in')
  let clients: HttpClient[] = await Promise.all(Array.from({ length: count }, () => signIn(local.url)))
  progress('refreshing')
  for (let round = 0; round < REFRESHES_EACH; round++) clients = await Promise.all(clients.map(client => refreshPersistently(local.url, client)))
  progress('requests')
  for (let round = 0; round < REQUESTS_EACH; round++) {
    await Promise.all(clients.map(async ({ accessToken }) => {
      const response = await fetch(`${local.url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
      await response.text()
    }))
  }
  progress('sockets')
  const sockets = await Promise.all(clients.flatMap(client => Array.from({ length: SOCKETS_EACH }, () => useSocket(local, client))))
  for (const socket of sockets) socket.close()
  return `${count} sign-ins, ${count * REFRESHES_EACH} refreshes, ${count * REQUESTS_EACH} requests, ${count * SOCKETS_EACH} sockets with ${ECHOES_EACH} echoes and a reauth each`
}

async function useSocket (local: LocalMode, { accessToken }: HttpClient): Promise<WebSocket> {
  const socket = new WebSocket(local.wsUrl, { headers: { authorization: `Bearer ${accessToken}` } })
  const answers = new Promise<void>(resolve => {
    let left = ECHOES_EACH + 2                        // and connected and reauth_success
    socket.on('message', () => { if (--left === 0) resolve() })
  })
  await once(socket, 'open')
  for (let n = 0; n < ECHOES_EACH; n++) socket.send(JSON.stringify({ type: 'echo', payload: { n, text: 'x'.repeat(200) } }))
  socket.send(JSON.stringify({ type: 'reauth', access: accessToken }))
  await answers
  return socket
}
