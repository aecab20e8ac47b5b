import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import type { Answer, RequestOptions } from '../fixtures/door-client.js'
import type { FrontDoor } from '../fixtures/front-door.js'

export const refresh = (door: FrontDoor, cookie: string, options: Pick<RequestOptions, 'agent' | 'from'> = {}) =>
  door.request('/api/refresh', { method: 'POST', headers: { cookie }, ...options })

/** `name=value` of the refresh token that an answer sets. */
export function refreshCookieOf ({ headers }: Answer): string {
  const line = headers['set-cookie']?.find(cookie => cookie.startsWith('__Host-refreshToken='))
  if (line === undefined) throw new Error('no refresh cookie was set')
  return line.split(';')[0]!
}

/** As if the last rotation of a session had been longer ago than answers are repeated. */
export async function leaveReplayWindow ({ database: { pool } }: FrontDoor, sessionId: string): Promise<void> {
  await pool.query("update sessions set rotated_at = rotated_at - interval '11 seconds' where id = $1", [sessionId])
}

/** Refreshes, shows the new access token to a server, and waits until it is known that it has arrived. */
export async function refreshAndUse (door: FrontDoor, cookie: string): Promise<{ cookie: string, accessToken: string }> {
  const answer = await refresh(door, cookie)
  const { accessToken, session } = answer.json()
  await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } })
  await until(async () => (await door.database.pool.query('select from sessions where id = $1 and confirmed_generation = generation', [session.id])).rowCount === 1)
  return { cookie: refreshCookieOf(answer), accessToken }
}
