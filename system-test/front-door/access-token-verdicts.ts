import { Agent } from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import { decodeJwt } from 'jose'
import { importTestKeys } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import type { FlawedAccessToken, Good } from '../../packages/auth-contract/test/fixtures/flawed-access-tokens/flawed-access-token.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import { inParallel } from './in-parallel.js'
import { publicPart } from './public-part.js'

/** A header cannot carry every text; what a proxy changes or refuses is told in a first message instead. */
const FITS_A_HEADER = /^(?:[!-~](?:[ -~]{0,7000}[!-~])?)?$/
/** The third failed reauth closes the socket. */
const REAUTHS = 3
const AT_ONCE = 8

/** An access token that the door has just issued, its claims, and the keys that it is signed with. */
export async function goodAccessToken (door: FrontDoor): Promise<Good & { accessToken: string }> {
  const { accessToken } = await door.signIn()
  return { accessToken, claims: decodeJwt(accessToken), keys: await importTestKeys(door.keys.publicPem, door.keys.privatePem) }
}

export const askApi = (door: FrontDoor, accessToken: string, agent?: Agent) =>
  door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` }, ...agent && { agent } })
export const askSocketServer = (door: FrontDoor, accessToken: string) => door.refusal({ headers: { authorization: `Bearer ${accessToken}` } })

/**
 * Tries access tokens at the API, in the opening handshake, in a first message where no header can carry them, and as
 * reauth of a session.
 * @param accessToken a good one
 * @returns the tries that were not refused with the very answer that a text gets which is no token at all
 */
export async function notRefused (door: FrontDoor, accessToken: string, flawed: readonly FlawedAccessToken[]): Promise<string[]> {
  const found: string[] = []
  const [sendable, others] = [flawed.filter(token => FITS_A_HEADER.test(token.accessToken)), flawed.filter(token => !FITS_A_HEADER.test(token.accessToken))]
  const agent = new Agent({ keepAlive: true })
  for (const [place, ask] of [['API', (text: string) => askApi(door, text, agent)], ['handshake', (text: string) => askSocketServer(door, text)]] as const) {
    const rubbish = publicPart(await ask('rubbish'))
    await inParallel(AT_ONCE, sendable, async ({ flaw, accessToken }) => {
      const answer = await ask(accessToken).catch(() => undefined)      // a socket that opens is no answer
      if (answer === undefined || !isDeepStrictEqual(publicPart(answer), rubbish)) found.push(`${flaw} (${place})`)
    })
  }
  agent.destroy()
  await inParallel(AT_ONCE, others, async ({ flaw, accessToken }) => {
    const socket = await door.connect()
    socket.say({ type: 'auth', access: accessToken })
    const { code } = await socket.closed
    // Strangers may not send long messages.
    if (code !== (accessToken.length < 9000 ? 4401 : 1009)) found.push(`${flaw} (auth: ${code})`)
  })
  await inParallel(AT_ONCE, Array.from({ length: Math.ceil(flawed.length / REAUTHS) }, (_, i) => flawed.slice(i * REAUTHS, (i + 1) * REAUTHS)), async some => {
    const socket = await door.connect({ headers: { authorization: `Bearer ${accessToken}` } })
    for (const [i, { flaw, accessToken }] of some.entries()) {
      socket.say({ type: 'reauth', id: String(i), access: accessToken })
      const { type, payload } = await socket.answer(String(i)) as { type: string, payload: { code?: string } }
      if (type !== 'error' || payload.code !== 'invalid_token') found.push(`${flaw} (reauth)`)
    }
    await socket.leave()
  })
  return found
}
