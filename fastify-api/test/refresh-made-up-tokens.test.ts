import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { decodeRefreshToken, encodeRefreshToken } from '../src/auth/refresh-token.js'
import { login, refresh, startApi, type TestApi } from './fixtures/api.js'
import { createFamily } from './fixtures/session-family.js'
import { notARefusal } from './fixtures/problems.js'

const LIFETIMES = { idleLifetimeMs: 3_600_000, maxAgeMs: 3_600_000 }
const MAXIMUM_GENERATION = 2 ** 31 - 16

t.test('refresh tokens that nobody was given', async t => {
  const api = await startApi(t, { LOG_LEVEL: 'warn' })
  const { app, resources: { pool, refreshTokenPeppers: peppers } } = api
  const { userId, refreshToken } = await login(app)
  const family = await createFamily(pool, peppers, { userId, ...LIFETIMES })
  const untouched = await family.readRow()
  const original = Buffer.from(family.tokenAt(0), 'base64url')
  const queries = countQueries(api)

  /** Why this is not what such a token may get: one refusal, from at most so many queries. */
  async function objection (token: string, allowedQueries: number): Promise<string | undefined> {
    const before = queries.count
    const answer = await refresh(app, token)
    if (queries.count - before > allowedQueries) return `${queries.count - before} queries`
    return notARefusal(answer) ?? (answer.json().code === 'invalid_grant' ? undefined : `code ${answer.json().code}`)
  }
  const holds = async (tokens: fc.Arbitrary<string>, allowedQueries: number) =>
    fc.assert(fc.asyncProperty(tokens, async token => {
      const found = await objection(token, allowedQueries)
      if (found !== undefined) throw new Error(found)
    }))

  t.test('tampered anywhere: no query', async t => {
    const tampered = fc.record({ offset: fc.nat(original.length - 1), bit: fc.nat(7) }).map(({ offset, bit }) => {
      const bytes = Buffer.from(original)
      bytes[offset]! ^= 1 << bit
      return bytes.toString('base64url')
    })
    await holds(tampered, 0)
    t.same(await family.readRow(), untouched)
  })

  t.test('truncated or extended: no query', async t => {
    const truncated = fc.nat(refreshToken.length - 1).map(length => refreshToken.slice(0, length))
    const extended = fc.stringMatching(/^[A-Za-z0-9_-]{1,200}$/).map(tail => refreshToken + tail)
    await holds(fc.oneof(truncated, extended, fc.stringMatching(/^[A-Za-z0-9_-]{0,300}$/)), 0)
    t.same(await family.readRow(), untouched)
  })

  t.test('made with another pepper, of the same version or an unknown one: no query', async t => {
    const foreign = fc.record({ version: fc.integer({ min: 1, max: 255 }), generation: fc.nat(3), secret: fc.uint8Array({ minLength: 32, maxLength: 32 }) })
      .map(({ version, generation, secret }) => {
        const theirs = { newestVersion: version, byVersion: new Map([[version, randomBytes(32)]]) }
        return encodeRefreshToken(theirs, { sessionId: family.id, generation, secret: Buffer.from(secret) })
      })
    await holds(foreign, 0)
    t.same(await family.readRow(), untouched)
  })

  t.test('read with our pepper and written with another of the same version: no query', async t => {
    const theirs = { newestVersion: peppers.newestVersion, byVersion: new Map([[peppers.newestVersion, randomBytes(32)]]) }
    t.equal(await objection(encodeRefreshToken(theirs, decodeRefreshToken(peppers, refreshToken)!), 0), undefined)
  })

  t.test('made with our pepper for another secret or session: two queries', async t => {
    const invented = fc.record({ sessionId: fc.constantFrom(family.id, '01890000-0000-7000-8000-000000000001'), generation: fc.nat(MAXIMUM_GENERATION), secret: fc.uint8Array({ minLength: 32, maxLength: 32 }) })
      .map(({ secret, ...token }) => encodeRefreshToken(peppers, { ...token, secret: Buffer.from(secret) }))
    await holds(invented, 2)
    t.same(await family.readRow(), untouched)
  })

  t.test('of a generation far ahead: two queries, and the session ends without theft', async t => {
    await holds(fc.integer({ min: 4, max: MAXIMUM_GENERATION }).map(family.tokenAt), 2)
    t.match(await family.readRow(), { generation: 0, revoked: true, published: true })
    const { rows } = await pool.query('select reason from revocations where sid = $1', [family.id])
    t.same(rows, [{ reason: 'state_lost' }])
  })

  t.test('of a generation that does not fit the column', async t => {
    const { tokenAt } = await createFamily(pool, peppers, { userId, ...LIFETIMES })
    for (const generation of [MAXIMUM_GENERATION + 1, 2 ** 32 - 1]) {
      t.equal(await objection(tokenAt(generation), 0), undefined)
    }
  })
})

/** Counts what the API asks PostgreSQL through its pool from now on. */
function countQueries ({ resources: { pool } }: TestApi): { count: number } {
  const counter = { count: 0 }
  const query = pool.query
  pool.query = ((...args: unknown[]) => {
    counter.count += 1
    return Reflect.apply(query, pool, args)
  }) as typeof query
  return counter
}
