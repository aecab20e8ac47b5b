import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { jwtVerify } from 'jose'

const key = createPublicKey(readFileSync(process.env.PUBLIC_KEY_PATH))

/** The claims of an access token, checked as the library's manual shows it. @throws {Error} when it is not good */
export async function verifyWithJose (accessToken) {
  const { payload } = await jwtVerify(accessToken, key, { algorithms: ['RS256'], typ: 'at+jwt', issuer: 'fastify-uws-auth', audience: 'fastify-uws-auth' })
  return payload
}
