import { setTimeout as sleep } from 'node:timers/promises'
import { DIALECTS, type Dialect, type DialectName } from './dialects.js'
import { LeanSocket, NO_CLOSE_FRAME } from './lean-client.js'
import { TokenMint, type KeyFiles } from './tokens.js'

const OPENING_AT_ONCE = 32
const REAUTHS_AT_ONCE = 64
const PHASE_TIMEOUT_MS = 300_000

export interface CrowdOptions {
  ports: number[]
  dialect: DialectName
  /** Source addresses, used in turn. */
  addresses: string[]
  keys: KeyFiles
  /** The number of the first socket's session; the others follow. */
  firstIndex: number
}

/** How sockets ended since the last `open`, by code; below 1000 the HTTP status of a refusal. */
export interface Closes {
  codes: Record<number, number>
  /** When the last close frame was read, by the clock that all processes of this machine share, in milliseconds. */
  lastAt: number
}

export type ClosedListener = (index: number, code: number, at: number) => void

/** Milliseconds by a clock that all processes of this machine share. */
export function sharedClock (): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Many authenticated sockets of one client process. */
export class Crowd {
  readonly sockets: Array<LeanSocket | undefined> = []
  readonly dialect: Dialect
  onMessage: (text: string, index: number) => void = () => {}
  onClosed: ClosedListener = () => {}
  readonly #options: CrowdOptions
  readonly #mint: TokenMint
  readonly #tokens: string[][] = []
  #closes: Closes = { codes: {}, lastAt: 0 }

  private constructor (options: CrowdOptions, mint: TokenMint) {
    this.#options = options
    this.#mint = mint
    this.dialect = DIALECTS[options.dialect]
  }

  static async create (options: CrowdOptions): Promise<Crowd> {
    return new Crowd(options, await TokenMint.open(options.keys))
  }

  /** The access tokens of a generation, minted when they are asked for the first time. */
  tokens (count: number, generation = 0, onProgress: (minted: number) => void = () => {}): string[] {
    const tokens = this.#tokens[generation] ??= []
    for (let i = tokens.length; i < count; i++) {
      tokens.push(this.#mint.mint(this.#options.firstIndex + i, generation))
      if (tokens.length % 2000 === 0) onProgress(tokens.length)
    }
    return tokens
  }

  /** Opens sockets until there are `count`. @returns how many of them are open and authenticated */
  async open (count: number, onProgress: (opened: number) => void = () => {}): Promise<number> {
    const tokens = this.tokens(count)
    const start = this.sockets.length
    let [next, opened] = [start, 0]
    const openNext = async () => {
      while (next < count) {
        const index = next++
        if (await this.#openOne(index, tokens[index]!)) opened += 1
        if (opened % 2000 === 0) onProgress(opened)
      }
    }
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openNext))
    return opened
  }

  /** Sends each socket the access token of a generation. @returns how many succeeded */
  async reauth (generation: number): Promise<number> {
    const tokens = this.tokens(this.sockets.length, generation)
    let [next, succeeded] = [0, 0]
    const waiting = new Map<number, (succeeded: boolean) => void>()
    this.onMessage = (text, index) => waiting.get(index)?.(text.startsWith('{"type":"reauth_success"') && !text.includes('unchanged'))
    this.onClosed = index => waiting.get(index)?.(false)
    const reauthNext = async () => {
      while (next < tokens.length) {
        const index = next++
        const answer = new Promise<boolean>(resolve => waiting.set(index, resolve))
        this.sockets[index]?.send(`{"type":"reauth","id":"1","access":"${tokens[index]!}"}`)
        if (await answer) succeeded += 1
        waiting.delete(index)
      }
    }
    await Promise.all(Array.from({ length: REAUTHS_AT_ONCE }, reauthNext))
    this.onMessage = () => {}
    this.onClosed = () => {}
    return succeeded
  }

  closes (): Closes { return this.#closes }

  /** Resolves when so many sockets have closed, or when it takes too long. */
  async untilClosed (count: number): Promise<Closes> {
    const giveUpAt = sharedClock() + PHASE_TIMEOUT_MS
    const total = () => Object.values(this.#closes.codes).reduce((sum, n) => sum + n, 0)
    while (total() < count && sharedClock() < giveUpAt) await sleep(10)
    return this.#closes
  }

  /** Cuts whatever is open, and forgets how sockets closed. */
  reset (): void {
    for (const socket of this.sockets) socket?.reset()
    this.sockets.length = 0
    this.#closes = { codes: {}, lastAt: 0 }
  }

  async #openOne (index: number, accessToken: string): Promise<boolean> {
    const { ports, addresses } = this.#options
    return await new Promise(resolve => {
      this.sockets[index] = new LeanSocket({
        port: ports[index % ports.length]!,
        localAddress: addresses[index % addresses.length]!,
        handshake: this.dialect.handshake(accessToken),
        onOpen: () => { if (this.dialect.readyOnUpgrade) resolve(true) },
        onMessage: (socket, text) => {
          const answer = this.dialect.answer(text, accessToken)
          if (answer !== undefined) return socket.send(answer)
          if (this.dialect.isReady(text)) return resolve(true)
          this.onMessage(text, index)
        },
        onClosed: (_, code) => {
          this.#noteClosed(index, code)
          resolve(false)
        }
      })
    })
  }

  #noteClosed (index: number, code: number): void {
    const at = sharedClock()
    this.#closes.codes[code] = (this.#closes.codes[code] ?? 0) + 1
    if (code !== NO_CLOSE_FRAME) this.#closes.lastAt = at
    this.sockets[index] = undefined
    this.onClosed(index, code, at)
  }
}
