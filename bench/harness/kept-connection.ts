import { connect, type Socket } from 'node:net'

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i
const CHUNKED = /\r\ntransfer-encoding: chunked/i

export interface Answer {
  status: number
  /** Status line and headers as they came. */
  head: string
  body: string
}

/** One HTTP/1.1 connection with one request at a time: a client so lean that the server is the slower one of the two. */
export class KeptConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #resolve: (answer: Answer) => void = () => {}
  #reject: (err: Error) => void = () => {}

  private constructor (socket: Socket) {
    this.#socket = socket
      .on('data', (bytes: Buffer) => this.#onData(bytes))
      .on('error', err => this.#reject(err))
      .on('close', () => this.#reject(new Error('a connection was closed')))
  }

  /** @param host `127.0.0.1:3000` */
  static open (host: string): Promise<KeptConnection> {
    const { hostname, port } = new URL(`http://${host}`)
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => resolve(new KeptConnection(socket.off('error', reject)))).on('error', reject)
    })
  }

  /** @param request with everything that belongs to it, in ASCII */
  ask (request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#socket.destroyed) reject(new Error('the server has closed the connection'))
      this.#socket.write(request, 'latin1')
    })
  }

  close (): void {
    this.#socket.destroy()
  }

  #onData (bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    const headEnd = this.#received.indexOf(HEAD_END)
    if (headEnd === -1) return
    const head = this.#received.toString('latin1', 0, headEnd)
    const rest = this.#received.toString('latin1', headEnd + HEAD_END.length)
    const isChunked = CHUNKED.test(head)
    if (isChunked ? !rest.endsWith(LAST_CHUNK) : rest.length < Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0)) return
    this.#received = Buffer.alloc(0)
    this.#resolve({ status: Number(head.slice('HTTP/1.1 '.length, 12)), head, body: isChunked ? joinChunks(rest) : rest })
  }
}

function joinChunks (text: string): string {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    const length = Number.parseInt(text.slice(at, lineEnd), 16)
    if (length === 0) return body
    body += text.slice(lineEnd + 2, lineEnd + 2 + length)
    at = lineEnd + 2 + length + 2
  }
}

/** A POST request as `ask` takes it. */
export function postRequest (url: string, headers: Record<string, string>, body = ''): string {
  const { host, pathname } = new URL(url)
  const lines = [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), `Content-Length: ${Buffer.byteLength(body)}`]
  return `${lines.join('\r\n')}${HEAD_END}${body}`
}
