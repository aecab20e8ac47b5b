import { readFile } from 'node:fs/promises'
import t from 'tap'
import { GUESS_BUDGETS, createGuessBudgets, type GuessBy } from '../src/auth/guess-budgets.js'
import { createLimitKeys } from '../src/limits/limit-key.js'
import { MemoryCounters } from '../src/limits/memory-counters.js'
import { RATE_LIMITS } from '../src/plugins/rate-limit.js'

const peppers = { newestVersion: 1, byVersion: new Map([[1, Buffer.alloc(32, 1)], [2, Buffer.alloc(32, 2)]]) }

function setUp (multiplier = 1) {
  let now = 0
  const limited: string[] = []
  const budgets = createGuessBudgets({
    counters: new MemoryCounters(() => now), limitKeys: createLimitKeys(peppers), multiplier, onLimited: budget => limited.push(budget)
  })
  /** @returns the attempt, or the seconds that it has to wait */
  const begin = async (guess: Partial<GuessBy>) => await budgets.begin({ account: 'ada', countedFrom: '1', deviceId: null, address: '192.0.2.1', ...guess })
    .then(begun => begun.kind === 'limited' ? begun.retryAfter : begun)
  /** Fails as often as it may, at most `times`. @returns how often that was */
  const fail = async (times: number, guess: (i: number) => Partial<GuessBy>) => {
    const begun = await Promise.all(Array.from({ length: times }, (_, i) => begin(guess(i))))
    return begun.filter(attempt => typeof attempt !== 'number').length
  }
  return { begin, fail, limited, pass: (seconds: number) => { now += seconds * 1000 } }
}

t.test('wrong passwords in a row', async t => {
  t.test('from one address: ten, then one after 2, 4, 8 … 900 s; a day after the last one ten again', async t => {
    const { begin, fail, limited, pass } = setUp()
    t.equal(await fail(200, () => ({})), 10)
    t.same(new Set(limited), new Set(['account_address']))
    for (const wait of [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      t.equal(await begin({}), wait)
      pass(wait)
      t.equal(await fail(50, () => ({})), 1)
    }
    pass(24 * 3600)
    t.equal(await fail(200, () => ({})), 10)
  })

  t.test('from many addresses: twenty, then one after 1, 2, 4 … 60 s', async t => {
    const { begin, fail, limited, pass } = setUp()
    t.equal(await fail(200, i => ({ address: `198.51.100.${i}` })), 20)
    t.same(new Set(limited), new Set(['account']))
    for (const wait of [1, 2, 4, 8, 16, 32, 60, 60]) {
      t.equal(await begin({ address: '192.0.2.100' }), wait)
      pass(wait)
      t.equal(await fail(50, i => ({ address: `203.0.113.${i}` })), 1)
    }
  })

  t.test('of who is signed in: for each session, and for nobody else', async t => {
    const { fail, limited } = setUp()
    t.equal(await fail(200, () => ({ sessionId: 'stolen', deviceId: 'laptop' })), 10)
    t.same(new Set(limited), new Set(['session']))
    t.equal(await fail(200, () => ({ deviceId: 'laptop' })), 10)
    t.equal(await fail(200, () => ({ sessionId: 'another' })), 10)
    t.equal(await fail(200, () => ({})), 10)
  })

  t.test('over many accounts from one address: sixty in ten minutes', async t => {
    const { begin, fail, limited, pass } = setUp()
    pass(300)
    t.equal(await fail(200, i => ({ account: `user-${i}` })), 60)
    t.same(new Set(limited), new Set(['source']))
    t.equal(await begin({ account: 'another' }), 600)
    t.type(await begin({ account: 'another', address: '192.0.2.2' }), 'object')
    pass(600)
    t.type(await begin({ account: 'another' }), 'object')
  })

  t.test('a known device has its own ten, whatever comes from elsewhere', async t => {
    const { begin, fail } = setUp()
    await fail(200, i => ({ address: `198.51.100.${i}` }))
    await fail(200, i => ({ account: `user-${i}` }))
    t.equal(await fail(200, () => ({ deviceId: 'laptop' })), 10)
    t.equal(await begin({ deviceId: 'laptop' }), 2)
    t.equal(await fail(200, () => ({ deviceId: 'phone' })), 10)
    t.equal(await fail(1, () => ({ account: 'eve', deviceId: 'laptop', address: '192.0.2.100' })), 1)
  })

  t.test('a success begins anew what it has used, and nothing else', async t => {
    const { begin, fail } = setUp()
    const succeed = async (guess: Partial<GuessBy>) => {
      const attempt = await begin(guess)
      if (typeof attempt === 'number') t.fail('refused')
      else await attempt.succeeded()
    }
    t.equal(await fail(8, () => ({})), 8)
    t.equal(await fail(8, () => ({ deviceId: 'laptop' })), 8)
    t.equal(await fail(9, () => ({ address: '192.0.2.101' })), 9)
    await succeed({ deviceId: 'laptop' })
    t.equal(await fail(20, () => ({ deviceId: 'laptop' })), 10, 'the device')
    await succeed({})
    t.equal(await fail(20, () => ({})), 10, 'the address')
    t.equal(await fail(20, () => ({ address: '192.0.2.101' })), 1, 'not another address')
    t.equal(await fail(20, () => ({ address: '192.0.2.102' })), 9, 'what the account has left of its twenty')
    t.equal(await fail(200, i => ({ account: `user-${i}` })), 60 - 8 - 10, 'of the source successes do not count, failures do')
  })

  t.test('ten honest sign-ins at once are let in, as often as they come', async t => {
    const { begin } = setUp()
    for (let round = 0; round < 20; round++) {
      const attempts = await Promise.all(Array.from({ length: 10 }, () => begin({})))
      for (const attempt of attempts) if (typeof attempt === 'number') t.fail('refused'); else await attempt.succeeded()
    }
  })

  t.test('another instant to count from begins anew what the account has, and nothing else', async t => {
    const { fail } = setUp()
    t.equal(await fail(200, () => ({ deviceId: 'laptop' })), 10)
    t.equal(await fail(200, () => ({})), 10)
    t.equal(await fail(200, () => ({ deviceId: 'laptop', countedFrom: '2' })), 10)
    t.equal(await fail(200, i => ({ countedFrom: '2', address: `198.51.100.${i}` })), 20)
    t.equal(await fail(200, i => ({ account: `user-${i}`, countedFrom: undefined })), 50, 'of the source')
  })

  t.test('what was not evaluated does not count', async t => {
    const { begin, fail } = setUp()
    for (let i = 0; i < 200; i++) {
      const attempt = await begin({})
      if (typeof attempt === 'number') t.fail('refused')
      else await attempt.notEvaluated()
    }
    t.equal(await fail(200, () => ({})), 10)
  })

  t.test('RATE_LIMIT_MULTIPLIER multiplies what is free', async t => {
    t.equal(await setUp(0.2).fail(200, () => ({})), 2)
    t.equal(await setUp(3).fail(200, () => ({})), 30)
    t.equal(await setUp(0.001).fail(200, () => ({})), 1, 'never nothing')
  })
})

t.test('keys are short, say nothing, and are the same in every process that has the same pepper', async t => {
  const key = createLimitKeys(peppers)('account', 'ada@example.test')
  t.match(key, /^account:[\w-]{22}$/)
  t.equal(createLimitKeys(peppers)('account', 'ada@example.test'), key)
  t.not(createLimitKeys({ ...peppers, newestVersion: 2 })('account', 'ada@example.test'), key)
  const keys = createLimitKeys(peppers)
  t.not(keys('account', 'a', 'b'), keys('account', 'ab'))
  t.not(keys('account', 'a","b'), keys('account', 'a', 'b'))
})

t.test('docs/limits.md has the figures of the code', async t => {
  const text = await readFile(new URL('../../docs/limits.md', import.meta.url), 'utf8')
  const rowOf = (name: string) => text.split('\n').find(line => line.startsWith(`| \`${name}\` |`))?.split('|').map(cell => cell.trim())
  for (const [name, limit] of Object.entries(RATE_LIMITS)) t.equal(rowOf(name)?.[3], String(limit), name)
  for (const [name, budget] of Object.entries(GUESS_BUDGETS)) {
    const delays = 'delays' in budget ? `${budget.delays.firstMs / 1000} s to ${budget.delays.longestMs / 1000} s` : 'until forgotten'
    t.same(rowOf(name)?.slice(3, 6), [String(budget.free), delays, `${budget.forgottenAfterMs / 60_000} min`], name)
  }
})
