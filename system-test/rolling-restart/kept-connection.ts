import { Agent, request, type RequestOptions } from 'node:https'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import type { FrontDoor } from '../fixtures/front-door.js'

/** `status` is 0 when no answer came. */
export interface Answer { status: number, cookie: string | undefined, body: string }

/** One connection that is used again and again, as browsers and HTTP clients keep theirs. */
export class KeptConnection {
  readonly #agent: Agent
  readonly #options: RequestOptions

  constructor ({ host, port, ca }: Pick<FrontDoor, 'host' | 'port' | 'ca'>) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
    this.#options = { agent: this.#agent, host: '127.0.0.1', servername: host, port, ca }
  }

  /** Never rejects. A GET is repeated when a kept connection turned out to be at its end, as every HTTP client does (RFC 9110, section 9.2.2). */
  async ask (method: 'GET' | 'POST', path: string, headers: Record<string, string>): Promise<Answer> {
    const { answer, reused } = await this.#askOnce(method, path, headers)
    return answer.status === 0 && reused && method === 'GET' ? (await this.#askOnce(method, path, headers)).answer : answer
  }

  close (): void {
    this.#agent.destroy()
  }

  async #askOnce (method: string, path: string, headers: Record<string, string>): Promise<{ answer: Answer, reused: boolean }> {
    const { servername, port } = this.#options
    const sent = request({ ...this.#options, method, path, headers: { host: `${servername}:${port}`, ...headers } })
    const answer = await new Promise<Answer>(resolve => {
      const nothing = () => resolve({ status: 0, cookie: undefined, body: '' })
      sent.once('error', nothing)
      sent.once('response', (response: IncomingMessage) => {
        const cookie = response.headers['set-cookie']?.find(value => value.startsWith('__Host-refreshToken='))?.split(';')[0]
        text(response).then(body => resolve({ status: response.statusCode!, cookie, body }), nothing)
      })
      sent.end()
    })
    return { answer, reused: sent.reusedSocket }
  }
}
