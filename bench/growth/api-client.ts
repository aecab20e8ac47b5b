import { Agent } from 'node:http'
import { PASSWORD } from '../harness/api-under-test.js'
import { ask, type Answer } from '../harness/ask.js'

/** What a sign-in or a refresh has given. `cookie` is the refresh cookie as a header. */
export interface SignedIn { cookie: string, accessToken: string, sessionId: string }

/** A client of the API over connections that stay open. @throws whenever it is answered with anything but success */
export class ApiClient {
  readonly #url: string
  readonly #agent: Agent

  /** @param connections at once */
  constructor (url: string, connections: number) {
    this.#url = url
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** @param device the secret of the device cookie; without it the device is a new one */
  async logIn (username: string, device?: string): Promise<SignedIn> {
    const headers = { 'content-type': 'application/json', ...device === undefined ? {} : { cookie: `device=${device}` } }
    return signedIn(await this.#ask('POST', '/api/login', headers, JSON.stringify({ username, password: PASSWORD })))
  }

  async refresh (cookie: string): Promise<SignedIn> {
    return signedIn(await this.#ask('POST', '/api/refresh', { cookie }))
  }

  /** @returns the ids of the user's sessions */
  async listSessions (accessToken: string): Promise<string[]> {
    const { body } = await this.#ask('GET', '/api/sessions', { authorization: `Bearer ${accessToken}` })
    return (JSON.parse(body) as { sessions: Array<{ id: string }> }).sessions.map(({ id }) => id)
  }

  async revokeSession (accessToken: string, sessionId: string): Promise<void> {
    await this.#ask('DELETE', `/api/sessions/${sessionId}`, { authorization: `Bearer ${accessToken}` })
  }

  async logOut (cookie: string): Promise<void> {
    await this.#ask('POST', '/api/logout', { cookie })
  }

  async callProtected (accessToken: string): Promise<void> {
    await this.#ask('GET', '/api/protected', { authorization: `Bearer ${accessToken}` })
  }

  close (): void { this.#agent.destroy() }

  async #ask (method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    const answer = await ask(this.#agent, { method, url: `${this.#url}${path}`, headers, body })
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body}`)
    return answer
  }
}

function signedIn ({ body, cookies }: Answer): SignedIn {
  const { accessToken, session } = JSON.parse(body) as { accessToken: string, session: { id: string } }
  const cookie = cookies.find(text => text.startsWith('refreshToken='))!.split(';')[0]!
  return { cookie, accessToken, sessionId: session.id }
}
