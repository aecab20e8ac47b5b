import { PASSWORD } from '../harness/api-under-test.js'

export const SESSIONS = 200
/** From here on all names have the same length, and so have all answers. */
const FIRST_USER = 1000
const AT_ONCE = 4

/** Signs in as `SESSIONS` users. @returns their access tokens @throws {Error} when one is refused */
export async function signIn (url: string): Promise<string[]> {
  const accessTokens: string[] = []
  while (accessTokens.length < SESSIONS) {
    accessTokens.push(...await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => signInAs(url, `user${FIRST_USER + accessTokens.length + i}`))))
  }
  return accessTokens
}

async function signInAs (url: string, username: string): Promise<string> {
  const answer = await fetch(`${url}/api/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password: PASSWORD }) })
  if (answer.status !== 200) throw new Error(`${username} was answered with ${answer.status}`)
  return (await answer.json() as { accessToken: string }).accessToken
}
