import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { isRevocation, toRevocation, type Revocation } from '../src/revocation.js'
import { RevocationSet } from '../src/revocation-set.js'

const LIFETIME = 900_000
const HORIZON = LIFETIME + 120_000
const NOW = 1_800_000_000_000

function revocation (overrides: Partial<Revocation> = {}): Revocation {
  return { sid: randomUUID(), sub: randomUUID(), reason: 'logout', revokedAt: NOW, ...overrides }
}

function createSet (): { revocations: RevocationSet, clock: { now: number }, told: Revocation[] } {
  const clock = { now: NOW }
  const revocations = new RevocationSet({ accessTokenLifetimeMs: LIFETIME, now: () => clock.now })
  const told: Revocation[] = []
  revocations.onRevoked(row => told.push(row))
  return { revocations, clock, told }
}

t.test('an ended session is known, and told of in the same tick', t => {
  const { revocations, told } = createSet()
  const row = revocation({ reason: 'refresh_reuse' })
  t.equal(revocations.has(row.sid), false)
  revocations.apply(row)
  t.strictSame(told, [row])
  t.equal(revocations.has(row.sid), true)
  t.strictSame(revocations.get(row.sid), row)
  t.equal(revocations.size, 1)
  t.end()
})

t.test('whoever is told finds the session in the set already', t => {
  const { revocations } = createSet()
  const row = revocation()
  let found: boolean | undefined
  revocations.onRevoked(({ sid }) => { found = revocations.has(sid) })
  revocations.apply(row)
  t.equal(found, true)
  t.end()
})

t.test('the same row twice is told of once; the first reason stays', t => {
  const { revocations, told } = createSet()
  const row = revocation()
  revocations.apply(row)
  revocations.apply(row)
  revocations.apply({ ...row, reason: 'admin', revokedAt: NOW + 1 })
  t.strictSame(told, [row])
  t.equal(revocations.get(row.sid)?.reason, 'logout')
  t.end()
})

t.test('every listener is told until it stops listening, even from inside a call', t => {
  const { revocations, told } = createSet()
  const calls: string[] = []
  const stop = revocations.onRevoked(() => { calls.push('once'); stop() })
  revocations.onRevoked(() => { calls.push('always') })
  revocations.apply(revocation())
  revocations.apply(revocation())
  t.strictSame(calls, ['once', 'always', 'always'])
  t.equal(told.length, 2)
  t.end()
})

t.test('names of object members are session ids like any other', t => {
  const { revocations } = createSet()
  for (const sid of ['__proto__', 'constructor', 'toString', '']) {
    t.equal(revocations.has(sid), false)
    revocations.apply(revocation({ sid }))
    t.equal(revocations.has(sid), true)
  }
  t.end()
})

t.test('a row is kept for as long as an access token can name it, and not longer', t => {
  const { revocations, clock } = createSet()
  const row = revocation()
  revocations.apply(row)
  clock.now = NOW + HORIZON
  revocations.prune()
  t.equal(revocations.has(row.sid), true)
  clock.now += 1
  revocations.prune()
  t.equal(revocations.size, 0)
  t.end()
})

t.test('the database\'s clock may be anything: what is learned counts from then on', t => {
  const { revocations, clock, told } = createSet()
  const rows = [NOW - 10 * HORIZON, NOW - HORIZON - 1, NOW, NOW + 10 * 365 * 86_400_000].map(revokedAt => revocation({ revokedAt }))
  for (const row of rows) revocations.apply(row)
  t.equal(told.length, rows.length)
  clock.now = NOW + HORIZON
  revocations.prune()
  for (const { sid } of rows) t.equal(revocations.has(sid), true)
  clock.now += 1
  revocations.prune()
  t.equal(revocations.size, 0)
  t.end()
})

t.test('an announcement that came too early does not make the real one expire early', t => {
  const { revocations, clock, told } = createSet()
  const row = revocation()
  revocations.apply(row)
  clock.now = NOW + HORIZON - 1
  revocations.apply(row)
  t.equal(told.length, 1)
  clock.now = NOW + 2 * HORIZON - 1
  revocations.prune()
  t.equal(revocations.has(row.sid), true)
  clock.now += 1
  revocations.prune()
  t.equal(revocations.size, 0)
  t.end()
})

const command = fc.oneof(
  fc.record({ apply: fc.integer({ min: 0, max: 30 }), age: fc.integer({ min: -60_000, max: HORIZON + 60_000 }) }),
  fc.record({ passed: fc.integer({ min: 0, max: HORIZON / 2 }) })
)

t.test('in any order of rows and time: none forgotten too early, none told of twice, all forgotten in the end', t => {
  fc.assert(fc.property(fc.array(command, { maxLength: 60 }), commands => {
    const { revocations, clock, told } = createSet()
    const model = new Map<string, number>()          // session → when it was learned of
    for (const step of commands) {
      if ('passed' in step) {
        clock.now += step.passed
        revocations.prune()
      } else {
        const row = revocation({ sid: `session ${step.apply}`, revokedAt: clock.now - step.age })
        const fresh = !revocations.has(row.sid)
        const before = told.length
        revocations.apply(row)
        if (told.length - before !== (fresh ? 1 : 0)) return false
        model.set(row.sid, clock.now)
      }
      for (const [sid, learnedAt] of model) if (learnedAt >= clock.now - HORIZON && !revocations.has(sid)) return false
    }
    clock.now += HORIZON + 1
    revocations.prune()
    return revocations.size === 0
  }), { numRuns: 1000 })
  t.end()
})

t.test('what counts as a revocation', t => {
  const row = revocation()
  t.equal(isRevocation(row), true)
  t.strictSame(toRevocation(row), row)
  const broken: unknown[] = [undefined, null, '', 'logout', 1, [], [row], {}, { ...row, sid: 1 }, { ...row, sid: null }, { ...row, sub: undefined },
    { ...row, revokedAt: String(NOW) }, { ...row, revokedAt: Infinity }, { ...row, revokedAt: NaN }, { ...row, reason: null }, { ...row, reason: undefined }]
  for (const value of broken) {
    t.equal(isRevocation(value), false)
    t.equal(toRevocation(value), undefined)
  }
  t.end()
})

t.test('a reason this version does not know ends the session all the same', t => {
  const row = { ...revocation(), reason: 'a word of the next version' }
  t.equal(isRevocation(row), false)
  t.strictSame(toRevocation(row), { ...row, reason: 'admin' })
  t.end()
})
