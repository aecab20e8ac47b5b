import type { ClientOptions } from 'ws'
import type { Session } from './account.js'
import { Skip, Unexpected, contains, show } from './expect.js'
import type { HttpAnswer } from './http.js'
import type { Options } from './options.js'
import { RawClient, handshake, type HandshakeOptions, type HttpHead } from './raw-client.js'
import { SocketClient, type Opening } from './socket-client.js'
import { beginConnection, connectBare } from './target.js'
import { pause } from './waiting.js'

const SHORT_LIFE_SECONDS = 30
const NEW_SOCKETS_EVERY_MS = 60

export interface OpenOptions {
  /** In the Authorization header. */
  access?: string
  /** In the query. */
  token?: string
  ticket?: string
  /** Without the question mark; in place of `token` and `ticket`. */
  query?: string
  origin?: string
  headers?: Record<string, string>
  protocols?: string[]
  compressed?: boolean
}

/** What one case has to play with. What it opened is gone when it ends. */
export class Scene {
  readonly options: Options
  #source: string | undefined
  readonly #sockets: Array<{ terminate: () => void }> = []
  readonly #sessions: Session[] = []

  constructor (options: Options) {
    this.options = options
    this.#source = options.target.nextSource()
  }

  /** The case's own address; undefined when all cases share one. */
  get source (): string | undefined { return this.#source }

  /** Goes on from an address that the server has not met. */
  moveToNewSource (): void {
    this.#source = this.options.target.nextSource()
  }

  /** An access token of a session that all cases share: leave it as it is. */
  async access (): Promise<string> {
    return (await this.options.account.shared()).access
  }

  /** A session of this case's own. */
  async signIn (account = this.options.account, cookie?: string): Promise<Session> {
    const session = await account.signIn(this.#source, cookie)
    this.#sessions.push(session)
    return session
  }

  /** A session whose access token ends while one can wait for it. */
  async signInForShort (): Promise<Session> {
    const session = await this.signIn()
    const { iat, exp } = session.claims
    if (exp - iat > SHORT_LIFE_SECONDS) throw new Skip(`access tokens live ${exp - iat} s; run the server with ACCESS_TOKEN_EXPIRY=20s`)
    return session
  }

  async signInAsSecond (): Promise<Session> {
    if (this.options.second === undefined) throw new Skip('needs a second account: CONFORMANCE_SECOND_USER')
    return await this.signIn(this.options.second)
  }

  /** Opens a socket, whatever comes of it. */
  async open ({ access, token, ticket, query, origin, headers = {}, protocols = [], compressed = false }: OpenOptions = {}): Promise<Opening> {
    const parameters = new URLSearchParams({ ...token === undefined ? {} : { token }, ...ticket === undefined ? {} : { ticket } })
    const url = new URL(this.options.target.url)
    url.search = query ?? String(parameters)
    const options: ClientOptions = {
      headers: { ...access === undefined ? {} : { authorization: `Bearer ${access}` }, ...headers },
      ...origin === undefined ? {} : { origin },
      perMessageDeflate: compressed
    }
    await this.#pace()
    const createConnection = () => beginConnection(this.options.target, this.#source)
    const opening = await SocketClient.open(String(url), protocols, { ...options, createConnection })
    if (opening.kind === 'open') this.#sockets.push(opening.client.socket)
    return opening
  }

  /** Opens a socket and expects the greeting. */
  async connect (options: OpenOptions): Promise<SocketClient> {
    const opening = await this.#openUnlimited(options)
    if (opening.kind === 'refused') throw new Unexpected('an open socket', `HTTP ${opening.answer.status} ${show(opening.answer.body['code'])}`)
    await opening.client.type('connected')
    return opening.client
  }

  /** A socket of the shared session. */
  async member (options: OpenOptions = {}): Promise<SocketClient> {
    return await this.connect({ access: await this.access(), ...options })
  }

  /** A socket without a credential. */
  async anonymous (options: OpenOptions = {}): Promise<SocketClient> {
    const client = await this.connect(options)
    contains('the greeting', client.frames[0], { type: 'connected', payload: { anonymous: true } })
    return client
  }

  /** Expects the handshake to be refused over HTTP with a status and problem details. */
  async refusal (status: number, code: string, options: OpenOptions): Promise<HttpAnswer> {
    const opening = await this.#openUnlimited(options)
    if (opening.kind === 'open') throw new Unexpected(`HTTP ${status} ${code}`, 'an open socket')
    const { answer } = opening
    if (answer.status !== status || answer.body['code'] !== code) throw new Unexpected(`HTTP ${status} ${code}`, `HTTP ${answer.status} ${show(answer.body['code'])}`)
    return answer
  }

  /** Expects a page on the allowed origin to get a socket that is closed at once with a code. */
  async pageRefusal (code: number, options: OpenOptions): Promise<void> {
    const opening = await this.#openUnlimited({ origin: this.options.origin, ...options })
    if (opening.kind === 'refused') throw new Unexpected(`a socket that closes with ${code}`, `HTTP ${opening.answer.status} ${show(opening.answer.body['code'])}`)
    await opening.client.isTurnedAwayWith(code)
  }

  /** A bare connection. */
  async bare (): Promise<RawClient> {
    await this.#pace()
    const socket = await connectBare(this.options.target, this.#source)
    this.#sockets.push({ terminate: () => socket.destroy() })
    return new RawClient(socket)
  }

  /** The bytes of a handshake with the target. */
  handshake (options: HandshakeOptions = {}): string {
    const { host, pathname } = this.options.target.url
    return handshake({ path: pathname, host, ...options })
  }

  /** A handshake with an access token of the shared session. */
  async memberHandshake (options: HandshakeOptions = {}): Promise<string> {
    return this.handshake({ ...options, add: [['Authorization', `Bearer ${await this.access()}`], ...options.add ?? []] })
  }

  /** A handshake's answer on a connection of its own. */
  async answerTo (handshakeBytes: Uint8Array | string): Promise<HttpHead | undefined> {
    const client = await this.bare()
    client.write(handshakeBytes)
    const head = await client.head()
    client.socket.destroy()
    return head
  }

  /** A socket of the shared session, byte by byte in the caller's hands. */
  async raw (options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await this.bare()
    client.write(await this.memberHandshake(options))
    const head = await client.head()
    if (head?.status !== 101) throw new Unexpected('HTTP 101', `HTTP ${head?.status}`)
    await client.message('the greeting', ({ type }) => type === 'connected')
    return client
  }

  /** Leaves nothing open. */
  async end (): Promise<void> {
    for (const socket of this.#sockets) socket.terminate()
    await Promise.all(this.#sessions.map(async session => await session.logout().catch(() => {})))
  }

  async #openUnlimited (options: OpenOptions): Promise<Opening> {
    const opening = await this.open(options)
    const isLimited = opening.kind === 'refused' && opening.answer.status === 429
    if (isLimited && this.#source === undefined) throw new Skip('the server limits this address; run it with RATE_LIMIT_MULTIPLIER=1000')
    return opening
  }

  // Cases that share an address also share its limit of new sockets.
  async #pace (): Promise<void> {
    if (this.#source !== undefined) return
    nextSocketAt = Math.max(nextSocketAt + NEW_SOCKETS_EVERY_MS, Date.now())
    await pause(nextSocketAt - Date.now())
  }
}

let nextSocketAt = 0
