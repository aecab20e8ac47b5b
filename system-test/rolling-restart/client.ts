import { setTimeout as sleep } from 'node:timers/promises'
import type { SocketClient } from '../../uws-server/test/fixtures/socket-client.js'
import type { FrontDoor, SignedIn } from '../fixtures/front-door.js'
import { KeptConnection } from './kept-connection.js'
import { Tally } from './tally.js'

const EVERY_MS = 200
/** After this long without an answer a user would have given up. */
const GIVE_UP_AFTER_MS = 10_000
const FIRST_BACK_OFF_MS = 250
const LONGEST_BACK_OFF_MS = 4000
/** Of docs/websocket.md: after these a client comes back by itself. */
const COMES_BACK_AFTER = new Set([1001, 1006, 1011, 1012, 1013])
const RENEWS_AFTER = 4419

/** One browser: it refreshes, asks for something and holds a socket, by the rules that are documented for clients. */
export class Client {
  readonly #door: FrontDoor
  readonly #tally: Tally
  readonly #connection: KeptConnection
  #cookie: string
  #accessToken: string
  #socket: SocketClient | undefined
  #stopping = false
  readonly #running: Array<Promise<void>> = []

  constructor (door: FrontDoor, { cookie, accessToken }: SignedIn, tally: Tally) {
    this.#door = door
    this.#tally = tally
    this.#connection = new KeptConnection(door)
    this.#cookie = cookie
    this.#accessToken = accessToken
  }

  get hasSocket (): boolean { return this.#socket !== undefined }

  /** Resolves when the socket is open for the first time. */
  async start (): Promise<void> {
    const socket = await this.#open()
    if (socket === undefined) throw new Error('the first socket was refused')
    this.#running.push(this.#holdSocket(socket), this.#refreshAndAsk())
  }

  async stop (): Promise<void> {
    this.#stopping = true
    this.#socket?.socket.terminate()
    await Promise.all(this.#running)
    this.#connection.close()
  }

  async #refreshAndAsk (): Promise<void> {
    while (!this.#stopping) {
      await sleep(EVERY_MS * (0.5 + Math.random()))
      if (!await this.#refresh()) return
      const { status } = await this.#connection.ask('GET', '/api/protected', { authorization: `Bearer ${this.#accessToken}` })
      this.#tally.calls += 1
      if (status !== 200) Tally.count(this.#tally.failedCalls, status)
    }
  }

  /** Again with the same cookie after no answer, 429 or 5xx. @returns false when the client is signed out */
  async #refresh (): Promise<boolean> {
    const givingUpAt = performance.now() + GIVE_UP_AFTER_MS
    while (performance.now() < givingUpAt) {
      const { status, cookie, body } = await this.#connection.ask('POST', '/api/refresh', { cookie: this.#cookie })
      if (status === 200) {
        this.#tally.refreshes += 1
        this.#cookie = cookie!
        this.#accessToken = JSON.parse(body).accessToken
        return true
      }
      Tally.count(this.#tally.repeated, status)
      if (status >= 400 && status < 500 && status !== 429) break
      await sleep(FIRST_BACK_OFF_MS * (0.5 + Math.random()))
    }
    this.#tally.failedRefreshes += 1
    return false
  }

  async #holdSocket (first: SocketClient): Promise<void> {
    for (let socket: SocketClient | undefined = first; socket !== undefined;) {
      this.#socket = socket
      socket.socket.on('message', () => this.#renew())
      const { code } = await socket.closed
      this.#socket = undefined
      if (this.#stopping) return
      Tally.count(this.#tally.closes, code)
      if (!COMES_BACK_AFTER.has(code) && code !== RENEWS_AFTER) return
      socket = await this.#comeBack(socket)
    }
  }

  #renew (): void {
    const frame = this.#socket?.frames.at(-1)
    if (frame?.type === 'token_expiring') this.#socket?.say({ type: 'reauth', access: this.#accessToken })
  }

  async #comeBack (previous: SocketClient): Promise<SocketClient | undefined> {
    const closedAt = performance.now()
    const within = previous.frames.find(({ type }) => type === 'server_draining')?.payload['reconnectWithinMs']
    const waitMs = Math.random() * (typeof within === 'number' ? within : FIRST_BACK_OFF_MS)
    await sleep(waitMs)
    for (let backOff = FIRST_BACK_OFF_MS; !this.#stopping; backOff = Math.min(backOff * 2, LONGEST_BACK_OFF_MS)) {
      const socket = await this.#open()
      if (socket !== undefined) {
        const ms = performance.now() - closedAt
        this.#tally.reconnectMs.push(ms)
        this.#tally.beyondWaitMs.push(ms - waitMs)
        return socket
      }
      this.#tally.refusedSockets += 1
      await sleep(backOff * (0.5 + Math.random()))
    }
    return undefined
  }

  async #open (): Promise<SocketClient | undefined> {
    try {
      const socket = await this.#door.connect({ headers: { authorization: `Bearer ${this.#accessToken}` } })
      await socket.frame('connected')
      return socket
    } catch {
      return undefined
    }
  }
}
