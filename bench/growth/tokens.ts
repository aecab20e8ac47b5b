import path from 'node:path'
import { randomInt } from 'node:crypto'
import { pino } from 'pino'
import { openPeppers } from '../../fastify-api/src/auth/peppers.js'
import { encodeRefreshToken } from '../../fastify-api/src/auth/refresh-token.js'
import type { ApiUnderTest } from '../harness/api-under-test.js'
import type { Teardown } from '../harness/teardown.js'
import { familySecret, GENERATION } from './populate.js'

/** Refresh cookies of the population, which has never been answered one. */
export interface Tokens {
  /** Some users at random, none of them twice in a run. @throws {Error} when all have been taken */
  take: (count: number) => Promise<Array<{ n: number, cookie: string }>>
}

/** @param users how many there are */
export async function openTokens (t: Teardown, { database: { admin }, keysDir }: Pick<ApiUnderTest, 'database' | 'keysDir'>, users: number): Promise<Tokens> {
  const peppers = await openPeppers('REFRESH_TOKEN_PEPPER_PATH', path.join(keysDir, 'refresh-token.pepper'), pino({ level: 'error' }))
  t.teardown(() => peppers.close())
  const taken = new Set<number>()
  return {
    async take (count) {
      if (taken.size + count > users) throw new Error(`a run needs more than ${users} users`)
      const some: number[] = []
      while (some.length < count) {
        const n = randomInt(users)
        if (!taken.has(n)) some.push(n)
        taken.add(n)
      }
      const { rows } = await admin.query<{ n: number, id: string }>(
        `select u.n, s.id from unnest($1::int[]) as u (n) join users on username = 'user' || u.n
           join sessions s on s.user_id = users.id and s.revoked_at is null and s.generation = $2`, [some, GENERATION])
      return rows.map(({ n, id: sessionId }) => ({ n, cookie: `refreshToken=${encodeRefreshToken(peppers, { sessionId, generation: GENERATION, secret: familySecret(n) })}` }))
    }
  }
}
