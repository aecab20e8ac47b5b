// The clients: kept connections, each of which asks again as soon as it is answered. A process of its own, so that its
// work does not hide in the server's, and lean, so that the server is the slower one of the two.
import { connect, type Socket } from 'node:net'
import { percentile } from '../harness/statistics.js'
import type { Job, Sample } from './load.js'

const CONNECTIONS = 32
const HEAD_END = '\r\n\r\n'
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i

process.on('message', async (job: Job) => process.send!(await run(job)))
process.on('disconnect', () => process.exit())
process.send!('ready')

async function run ({ port, path, accessTokens, milliseconds }: Job): Promise<Sample> {
  const requests = accessTokens.map(accessToken => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`))
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => Connection.open(port)))
  const latencies: number[] = []
  let next = 0
  const start = performance.now()
  const end = start + milliseconds
  await Promise.all(connections.map(async connection => {
    for (let asked = start; asked < end;) {
      await connection.ask(requests[next++ % requests.length]!)
      const now = performance.now()
      latencies.push(now - asked)
      asked = now
    }
  }))
  const seconds = (performance.now() - start) / 1000
  for (const connection of connections) connection.close()
  return { answered: latencies.length, seconds, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
}

class Connection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #resolve = () => {}
  #reject: (err: Error) => void = () => {}

  private constructor (socket: Socket) {
    this.#socket = socket
      .on('data', (bytes: Buffer) => this.#onData(bytes))
      .on('error', err => this.#reject(err))
      .on('close', () => this.#reject(new Error('a connection was closed')))
  }

  static open (port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(new Connection(socket.off('error', reject)))).on('error', reject)
    })
  }

  /** @throws {Error} when the answer is not 200 */
  ask (request: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(request)
    })
  }

  close (): void {
    this.#socket.destroy()
  }

  #onData (bytes: Buffer): void {
    const answer = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    const headEnd = answer.indexOf(HEAD_END)
    const head = answer.toString('latin1', 0, Math.max(0, headEnd))
    if (headEnd === -1 || answer.length < headEnd + HEAD_END.length + Number(CONTENT_LENGTH.exec(head)?.[1])) {
      this.#received = answer
      return
    }
    this.#received = Buffer.alloc(0)
    if (head.startsWith('HTTP/1.1 200 ')) this.#resolve()
    else this.#reject(new Error(`answered ${head.slice(0, head.indexOf('\r\n'))}`))
  }
}
