import assert from 'node:assert/strict'
import { confirmGenerations } from '@fastify-uws-auth/auth-contract'
import fc from 'fast-check'
import t from 'tap'
import { confirm, decide, type Limits, type SessionState } from '../../bench/refresh-simulator/decide.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { refreshSession, type RefreshOutcome } from '../src/auth/refresh.js'
import { decodeRefreshToken } from '../src/auth/refresh-token.js'
import { createKeyFiles, login, startApi, TEST_ORIGIN } from './fixtures/api.js'
import { createFamily } from './fixtures/session-family.js'

// All time passes in steps. Every limit lies half a step from any moment that a sequence can be at: a machine would have
// to stall for five minutes to change an outcome.
const STEP_MS = 10 * 60_000
const LIMITS: Limits = { replayWindowMs: 2.5 * STEP_MS, idleLifetimeMs: 12.5 * STEP_MS }
const MAX_AGE_MS = 60.5 * STEP_MS
const BURST = 64
const MAXIMUM_REPLAYS = 100
const RUNS = Number(process.env['ROTATION_PROPERTY_RUNS'] ?? 60)
const HANDS_OUT: readonly string[] = ['rotate', 'replay', 'heal', 'late_rotate']

/** Generations are given from the one that is current when the operation runs. */
type Operation =
  | { kind: 'present' | 'burst', offset: number, api: number }
  | { kind: 'confirm', offset: number }
  | { kind: 'wait', steps: number }
  | { kind: 'logout' }

const present = (offset: number): Operation => ({ kind: 'present', offset, api: 0 })
const burst = (offset: number): Operation => ({ kind: 'burst', offset, api: 0 })
const wait = (steps: number): Operation => ({ kind: 'wait', steps })

/** Reaches every outcome, whatever the random sequences do. */
const EXAMPLES: Operation[][] = [
  [present(0), present(-1), present(0), wait(3), present(0)],
  [burst(0), burst(-1), wait(3), burst(0)],
  [present(0), wait(3), present(-1)],
  [present(0), { kind: 'confirm', offset: 0 }, wait(3), present(-1), present(0)],
  [present(3), wait(3), present(4), present(0)],
  [wait(13), present(0)],
  [...Array.from({ length: 6 }, () => [present(0), wait(12)]).flat(), present(0)],
  [present(0), { kind: 'logout' }, present(0)]
]
const OUTCOMES = [...HANDS_OUT, 'replay_limited', 'revoked', 'expired', 'state_lost', 'theft']

const offset = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: -2, max: 1 }) }, { weight: 1, arbitrary: fc.integer({ min: -8, max: 6 }) })
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('present' as const), offset, api: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('burst' as const), offset, api: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('confirm' as const), offset: fc.integer({ min: -3, max: 1 }) }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }).map(wait) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 15 }).map(wait) },
  { weight: 1, arbitrary: fc.constant({ kind: 'logout' as const }) }
)

t.test('PostgreSQL decides as the model does, alone and in bursts, over two APIs', async t => {
  const files = await createKeyFiles(t)
  const database = await createDatabase(t)
  const apis = [await startApi(t, {}, { database, files }), await startApi(t, { SEED_DEMO_USER: 'false' }, { database, files })]
  const { app, resources: { pool, refreshTokenPeppers: peppers } } = apis[0]!
  const { userId } = await login(app)
  const reached = new Set<string>()

  const refreshAt = (api: number, refreshToken: string) =>
    refreshSession({ pool: apis[api % 2]!.resources.pool, peppers: apis[api % 2]!.resources.refreshTokenPeppers, ...LIMITS }, refreshToken, TEST_ORIGIN)
  const generationOf = (answer: RefreshOutcome) =>
    'refreshToken' in answer ? decodeRefreshToken(peppers, answer.refreshToken)!.generation : undefined

  async function play (operations: Operation[]): Promise<void> {
    const family = await createFamily(pool, peppers, { userId, idleLifetimeMs: LIMITS.idleLifetimeMs, maxAgeMs: MAX_AGE_MS })
    let now = 0
    let model: SessionState = { generation: 0, rotatedFrom: 0, confirmedGeneration: 0, rotatedAt: 0, replays: 0, expiresAt: MAX_AGE_MS, idleExpiresAt: LIMITS.idleLifetimeMs, revoked: false }

    /** Lets the model decide. @returns the kind that `refreshSession` has to answer with */
    function expect (presented: number): string {
      const decision = decide(model, presented, now, LIMITS)
      model = decision.session
      const kind = HANDS_OUT.includes(decision.outcome) && model.replays > MAXIMUM_REPLAYS ? 'replay_limited' : decision.outcome
      reached.add(kind)
      return kind
    }

    async function playBurst (presented: number, api: number): Promise<void> {
      const before = model.generation
      const expected = Array.from({ length: BURST }, () => expect(presented))
      const answers = await Promise.all(Array.from({ length: BURST }, (_, i) => refreshAt(api + i, family.tokenAt(presented))))
      const row = await family.readRow()
      assert.deepEqual(answers.map(({ kind }) => kind).filter(kind => !expected.includes(kind)), [])
      // A process may answer several at once with one decision, so fewer replays than the model's are right.
      assert.ok(row.replays <= model.replays)
      // The row shows one rotation at most; every token that was handed out is its successor.
      assert.ok(model.generation - before <= 1 || expected.includes('heal'))
      assert.deepEqual(answers.map(generationOf).filter(generation => generation !== undefined && generation !== model.generation), [])
      model = { ...model, replays: row.replays }
    }

    for (const operation of operations) {
      const generation = 'offset' in operation ? Math.max(0, model.generation + operation.offset) : 0
      switch (operation.kind) {
        case 'present': {
          const expected = expect(generation)
          const answer = await refreshAt(operation.api, family.tokenAt(generation))
          assert.equal(answer.kind, expected)
          if (HANDS_OUT.includes(expected)) assert.equal(generationOf(answer), model.generation)
          break
        }
        case 'burst':
          await playBurst(generation, operation.api)
          break
        case 'confirm':
          model = confirm(model, generation)
          await confirmGenerations(pool, [family.id], [generation])
          break
        case 'wait':
          now += operation.steps * STEP_MS
          await family.letTimePass(operation.steps * STEP_MS)
          break
        case 'logout': {
          // A refresh token of a session that is over speaks for nobody.
          if (now < model.expiresAt && now < model.idleExpiresAt) model = { ...model, revoked: true }
          const { statusCode } = await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${family.tokenAt(0)}` } })
          assert.equal(statusCode, 204)
        }
      }
      const { confirmedGeneration, replays, revoked } = model
      assert.deepEqual(await family.readRow(), { generation: model.generation, confirmedGeneration, replays, revoked, published: revoked })
    }
  }

  const sequences = fc.array(operation, { minLength: 1, maxLength: 30 })
  await fc.assert(fc.asyncProperty(sequences, play), { numRuns: EXAMPLES.length + RUNS, examples: EXAMPLES.map(operations => [operations]) })
  t.strictSame([...reached].sort(), OUTCOMES.toSorted())
})
