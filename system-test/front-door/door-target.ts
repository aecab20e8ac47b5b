import type { FrontDoor } from '../fixtures/front-door.js'
import { findTarget, type Target } from '../conformance/target.js'

/** The front door as bare connections and the cases of the WebSocket contract come to it. */
export async function doorTarget ({ host, port, ca }: FrontDoor): Promise<Target> {
  return await findTarget(new URL(`wss://${host}:${port}/ws`), { host: '127.0.0.1', ca })
}
