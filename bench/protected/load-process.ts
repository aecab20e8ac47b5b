// The clients: kept connections, each of which asks again as soon as it is answered. A process of its own, so that its
// work does not hide in the server's, and lean, so that the server is the slower one of the two.
import { KeptConnection } from '../harness/kept-connection.js'
import { percentile } from '../harness/statistics.js'
import type { Job, Sample } from './load.js'

const CONNECTIONS = 32

process.on('message', async (job: Job) => process.send!(await run(job)))
process.on('disconnect', () => process.exit())

async function run ({ port, path, accessTokens, milliseconds }: Job): Promise<Sample> {
  const requests = accessTokens.map(accessToken => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`)
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeptConnection.open(`127.0.0.1:${port}`)))
  const latencies: number[] = []
  let next = 0
  const start = performance.now()
  const end = start + milliseconds
  await Promise.all(connections.map(async connection => {
    for (let asked = start; asked < end;) {
      const { status, head } = await connection.ask(requests[next++ % requests.length]!)
      if (status !== 200) throw new Error(`answered ${head.slice(0, head.indexOf('\r\n'))}`)
      const now = performance.now()
      latencies.push(now - asked)
      asked = now
    }
  }))
  const seconds = (performance.now() - start) / 1000
  for (const connection of connections) connection.close()
  return { answered: latencies.length, seconds, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
}
