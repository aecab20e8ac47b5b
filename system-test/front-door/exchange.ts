import type { FrontDoor } from '../fixtures/front-door.js'
import { connectBare } from '../conformance/target.js'
import { doorTarget } from './door-target.js'

/**
 * Everything that is said to these bytes, on a TLS connection of their own, until it is closed (ask for that by
 * `Connection: close`) or until it is enough.
 */
export async function exchange (door: FrontDoor, bytes: Uint8Array | string, isEnough: (answer: string) => boolean = () => false): Promise<string> {
  const socket = await connectBare(await doorTarget(door), undefined)
  let answer = ''
  await new Promise<void>(resolve => {
    socket.once('close', resolve).on('data', chunk => {
      answer += chunk.toString('latin1')
      if (isEnough(answer)) resolve()
    })
    socket.write(bytes)
  })
  socket.destroy()
  return answer
}
