import { DIALECTS, type DialectName } from './dialects.js'
import { LeanSocket } from './lean-client.js'

const AT_ONCE = 32

export interface ConnectLoadOptions {
  port: number
  dialect: DialectName
  addresses: string[]
  tokens: string[]
}

let turn = 0

/**
 * Opens sockets until they are authenticated and cuts them, one after the other on 32 lanes, for so many milliseconds.
 * Each takes the next access token: with enough of them a server cannot live from having seen them before.
 * @returns how many were opened
 * @throws {Error} when one was refused
 */
export async function connectFor (milliseconds: number, options: ConnectLoadOptions): Promise<number> {
  const end = performance.now() + milliseconds
  let opened = 0
  const lane = async () => {
    while (performance.now() < end) {
      await openOnce(turn++, options)
      opened += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return opened
}

async function openOnce (index: number, { port, dialect: name, addresses, tokens }: ConnectLoadOptions): Promise<void> {
  const dialect = DIALECTS[name]
  const accessToken = tokens[index % tokens.length]!
  await new Promise<void>((resolve, reject) => {
    const finish = (socket: LeanSocket) => {
      socket.reset()
      resolve()
    }
    const opening = new LeanSocket({
      port,
      localAddress: addresses[index % addresses.length]!,
      handshake: dialect.handshake(accessToken),
      onOpen: () => { if (dialect.readyOnUpgrade) finish(opening) },
      onMessage (socket, text) {
        const answer = dialect.answer(text, accessToken)
        if (answer !== undefined) socket.send(answer)
        else if (dialect.isReady(text)) finish(socket)
      },
      onClosed: (_, code) => reject(new Error(`${name} refused a socket: ${code}`))
    })
  })
}
