import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DIALECTS } from '../dialects.js'

const AT_ONCE = 32
const LONGEST_PAUSE_MS = 20

/**
 * Begins so many handshakes, each with a good access token, and resets each after a random number of its bytes; a
 * tenth of them after the last one, while the server verifies.
 */
export async function breakHandshakes (port: number, accessToken: string, count: number, random: () => number): Promise<void> {
  const handshake = DIALECTS.ours.handshake(accessToken)
  let started = 0
  const lane = async () => {
    while (started < count) {
      const bytes = started++ % 10 === 0 ? handshake.length : Math.floor(random() * handshake.length)
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }).on('error', () => {})
      const closed = new Promise(resolve => socket.once('close', resolve))
      socket.write(handshake.subarray(0, bytes))
      await sleep(random() < 0.5 ? 0 : random() * LONGEST_PAUSE_MS)
      socket.resetAndDestroy()
      await closed
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}
