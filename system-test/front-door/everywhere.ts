import { request } from 'node:http'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Part } from '../fixtures/part.js'

const HANDSHAKE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAECAwQFBgcICQoLDA0ODw==' }

/** The status that this API answers an access token with, asked past nginx, which would choose one. */
export async function statusAtApi ({ url }: Part, accessToken: string): Promise<number> {
  const response = await fetch(`${url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
  await response.text()
  return response.status
}

/** As `statusAtApi`, for the opening handshake at a socket server; 101 when it opens. */
export async function statusAtSocketServer ({ port }: Part, accessToken: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/ws', agent: false, headers: { ...HANDSHAKE, authorization: `Bearer ${accessToken}` } })
      .on('response', response => resolve(response.resume().statusCode!))
      .on('upgrade', (response, socket) => {
        socket.destroy()
        resolve(response.statusCode!)
      })
      .on('error', reject)
      .end()
  })
}

/** Resolves when both APIs and both socket servers have learned that the session of an access token has ended. */
export async function untilRefusedEverywhere ({ apis, sockets }: FrontDoor, accessToken: string): Promise<void> {
  for (const api of apis) await until(async () => await statusAtApi(api, accessToken) === 401)
  for (const server of sockets) await until(async () => await statusAtSocketServer(server, accessToken) === 401)
}
