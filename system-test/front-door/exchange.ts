import { text } from 'node:stream/consumers'
import type { FrontDoor } from '../fixtures/front-door.js'
import { connectBare } from '../conformance/target.js'
import { doorTarget } from './door-target.js'

/** Everything that is said to these bytes, on a TLS connection of their own, until it is closed. Ask for that by `Connection: close`. */
export async function exchange (door: FrontDoor, bytes: Uint8Array | string, from?: string): Promise<string> {
  const socket = await connectBare(await doorTarget(door), from)
  socket.write(bytes)
  return await text(socket).catch(() => '')
}
