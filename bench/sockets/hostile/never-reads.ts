import { setTimeout as sleep } from 'node:timers/promises'
import { DIALECTS } from '../dialects.js'
import { LeanSocket, encodeTextFrame } from '../lean-client.js'

const READ_FOR_MS = 2000
const GIVE_UP_AFTER_MS = 60_000
/** Of a message with its frame around it, below the server's 16 KB. */
const TEXT_BYTES = 16_000
const WAITING_AT_MOST = 4 * 1024 * 1024

/**
 * Sends so many long echoes on a socket and reads none of the answers, until all are sent or the connection is cut.
 * @returns how many were sent, and what the socket closed with when it read again at the end
 */
export async function neverRead (port: number, accessToken: string, messages: number): Promise<{ sent: number, code: number | undefined }> {
  const end: { code?: number } = {}
  const socket = await new Promise<LeanSocket>(resolve => {
    const opening: LeanSocket = new LeanSocket({
      port,
      localAddress: '127.0.0.1',
      handshake: DIALECTS.ours.handshake(accessToken),
      onOpen: () => {},
      onMessage: (_, text) => { if (DIALECTS.ours.isReady(text)) resolve(opening) },
      onClosed (_, code) {
        end.code = code
        resolve(opening)
      }
    })
  })
  socket.pause()
  const frame = encodeTextFrame(JSON.stringify({ type: 'echo', payload: { text: 'x'.repeat(TEXT_BYTES) } }))
  const giveUpAt = performance.now() + GIVE_UP_AFTER_MS
  let sent = 0
  while (sent < messages && end.code === undefined && performance.now() < giveUpAt) {
    if (socket.waitingBytes > WAITING_AT_MOST) await sleep(1)
    else {
      socket.sendFrame(frame)
      sent += 1
    }
  }
  socket.resume()
  const readUntil = performance.now() + READ_FOR_MS
  while (end.code === undefined && performance.now() < readUntil) await sleep(10)
  socket.reset()
  return { sent, code: end.code }
}
