import { setTimeout as sleep } from 'node:timers/promises'
import { parse, send, type HttpAnswer, type HttpRequest } from './http.js'

const MOST_RETRIES = 20

/** What an access token says, unverified. Instants are seconds since the epoch. */
export interface Claims { sub: string, sid: string, iat: number, exp: number }

export function readClaims (accessToken: string): Claims {
  return parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as unknown as Claims
}

/** Milliseconds since the epoch at which an access token's authority ends. */
export function endOf (accessToken: string): number {
  return readClaims(accessToken).exp * 1000
}

/** A session at the API as one client holds it: the newest cookie and the newest access token. */
export class Session {
  readonly #send: Account['send']
  #cookie: string
  #access: string

  constructor (send: Account['send'], answer: HttpAnswer) {
    this.#send = send
    this.#cookie = ''
    this.#access = ''
    this.#keep(answer)
  }

  get access (): string { return this.#access }
  get claims (): Claims { return readClaims(this.#access) }
  get cookie (): string { return this.#cookie }

  /** The next access token. */
  async refresh (): Promise<string> {
    const answer = await this.tryRefresh(this.#cookie)
    if (answer.status !== 200) throw new Error(`POST /api/refresh answered ${answer.status}`)
    this.#keep(answer)
    return this.#access
  }

  /** The API's answer to a cookie that this session has, or had. */
  async tryRefresh (cookie: string): Promise<HttpAnswer> {
    return await this.#send('/api/refresh', { method: 'POST', headers: { cookie } })
  }

  async logout (): Promise<void> {
    const { status } = await this.#send('/api/logout', { method: 'POST', headers: { cookie: this.#cookie } })
    if (status !== 204) throw new Error(`POST /api/logout answered ${status}`)
  }

  /** One request with the access token. */
  async ask (path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    return await this.#send(path, { ...request, headers: { authorization: `Bearer ${this.#access}`, ...request.headers } })
  }

  #keep ({ headers, body }: HttpAnswer): void {
    this.#cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? this.#cookie
    this.#access = String(body['accessToken'])
  }
}

/** A user at the API. */
export class Account {
  readonly #api: URL
  readonly #username: string
  readonly #password: string
  readonly #reached: Pick<HttpRequest, 'host' | 'ca'>
  #shared: Promise<Session> | undefined

  constructor (api: URL, username: string, password: string, reached: Pick<HttpRequest, 'host' | 'ca'> = {}) {
    this.#api = api
    this.#username = username
    this.#password = password
    this.#reached = reached
  }

  async send (path: string, request: HttpRequest): Promise<HttpAnswer> {
    return await send(new URL(path, this.#api), { ...this.#reached, ...request })
  }

  /**
   * A session of its own, which the caller ends.
   * @param cookie of a session that this login replaces
   */
  async signIn (source: string | undefined, cookie?: string): Promise<Session> {
    const sendFromThere: Account['send'] = async (path, request) => await this.send(path, { source, ...request })
    const logIn = async () => await sendFromThere('/api/login', {
      method: 'POST',
      body: { username: this.#username, password: this.#password },
      headers: cookie === undefined ? {} : { cookie }
    })
    let answer = await logIn()
    // A machine with few cores checks a handful of passwords a second; it says so, and when to come back.
    for (let attempt = 0; answer.status === 503 && attempt < MOST_RETRIES; attempt++) {
      await sleep(Number(answer.headers['retry-after'] ?? 1) * 1000 * (0.5 + Math.random()))
      answer = await logIn()
    }
    if (answer.status !== 200) throw new Error(`POST /api/login answered ${answer.status} ${String(answer.body['code'])}`)
    return new Session(sendFromThere, answer)
  }

  /** A session for all cases that leave it as it is, with more than half of its access token's life ahead. */
  async shared (): Promise<Session> {
    this.#shared = this.#renew(this.#shared ?? this.signIn(undefined))
    return await this.#shared
  }

  async endShared (): Promise<void> {
    await (await this.#shared)?.logout()
  }

  async #renew (current: Promise<Session>): Promise<Session> {
    const session = await current
    const { iat, exp } = session.claims
    if (Date.now() / 1000 > (iat + exp) / 2) await session.refresh()
    return session
  }
}
