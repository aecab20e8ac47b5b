// A process of its own, so that the client's work does not hide in the server's: each client signs the next user in as
// soon as it is answered. What is asked for is also waited for, or a slice would end with work that nobody has counted.
import { setTimeout as sleep } from 'node:timers/promises'
import { KeptConnection, postRequest } from '../harness/kept-connection.js'
import type { SignInTarget } from '../peers/peer.js'
import type { Load } from './load.js'

const CLIENTS = 6
const PATIENCE_MS = 100                              // after a refusal, which happens while others keep the machine busy

let target: SignInTarget
let next = 0

process.on('message', async (message: { target: SignInTarget } | { milliseconds: number }) => {
  if ('target' in message) target = message.target
  else process.send!(await run(message.milliseconds))
})
process.on('disconnect', () => process.exit())

async function run (milliseconds: number): Promise<Load> {
  const { url, headers, bodies } = target
  const requests = bodies.map(body => postRequest(url, { 'Content-Type': 'application/json', ...headers }, JSON.stringify(body)))
  const connections = await Promise.all(Array.from({ length: CLIENTS }, () => KeptConnection.open(new URL(url).host)))
  let done = 0
  const start = performance.now()
  await Promise.all(connections.map(async connection => {
    while (performance.now() - start < milliseconds) {
      const { status, body } = await connection.ask(requests[next++ % requests.length]!)
      if (status === 503) {
        await sleep(PATIENCE_MS)
        continue
      }
      if (status !== 200) throw new Error(`a sign-in was answered ${status}: ${body}`)
      done += 1
    }
  }))
  const seconds = (performance.now() - start) / 1000
  for (const connection of connections) connection.close()
  return { done, perSecond: done / seconds }
}
