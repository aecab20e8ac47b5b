// A process of its own, so that the client's work does not hide in the server's: each client refreshes as soon as it is
// answered, always with the token of the answer before.
import { KeptConnection, postRequest } from '../harness/kept-connection.js'
import { percentile } from '../harness/statistics.js'
import type { RefreshTarget } from '../peers/peer.js'
import type { Load } from './load.js'

let target: RefreshTarget

process.on('message', async (message: { target: RefreshTarget } | { milliseconds: number }) => {
  if ('target' in message) target = message.target
  else process.send!(await run(message.milliseconds))
})
process.on('disconnect', () => process.exit())

async function run (milliseconds: number): Promise<Load> {
  const { url, tokens } = target
  // Opened anew: a server may close what has been idle during the slices of the others.
  const connections = await Promise.all(tokens.map(() => KeptConnection.open(new URL(url).host)))
  const latencies: number[] = []
  const start = performance.now()
  const end = start + milliseconds
  await Promise.all(connections.map(async (connection, client) => {
    for (let sentAt = start; sentAt < end;) {
      tokens[client] = await refresh(connection, tokens[client]!)
      const now = performance.now()
      latencies.push(now - sentAt)
      sentAt = now
    }
  }))
  const seconds = (performance.now() - start) / 1000
  for (const connection of connections) connection.close()
  return {
    done: latencies.length,
    perSecond: latencies.length / seconds,
    latencies: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
  }
}

async function refresh (connection: KeptConnection, token: string): Promise<string> {
  const { url, form } = target
  const { status, head, body } = await connection.ask(form === undefined
    ? postRequest(url, { Cookie: token })
    : postRequest(url, { 'Content-Type': 'application/x-www-form-urlencoded' }, new URLSearchParams({ ...form, refresh_token: token }).toString()))
  if (status !== 200) throw new Error(`a refresh was answered ${status}: ${body}`)
  const next = form === undefined ? /\r\nset-cookie: ([^;]*)/i.exec(head)![1]! : (JSON.parse(body) as { refresh_token: string }).refresh_token
  if (next === token) throw new Error('a refresh token was not rotated')
  return next
}
