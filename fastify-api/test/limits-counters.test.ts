import t, { type Test } from 'tap'
import { REDIS_MISSING, createRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import type { Begun, Budget, LimitCounters } from '../src/limits/limit-counters.js'
import { MemoryCounters } from '../src/limits/memory-counters.js'
import { RedisCounters } from '../src/limits/redis-counters.js'

interface Scene {
  counters: LimitCounters
  /** What another process would use. */
  elsewhere: LimitCounters
  pass: (ms: number) => Promise<void>
}

async function inMemory (): Promise<Scene> {
  let now = 1000
  const counters = new MemoryCounters(() => now)
  return { counters, elsewhere: counters, pass: async ms => { now += ms } }
}

/** A Redis in which time passes without waiting for it: what is there becomes older. */
async function inRedis (t: Test): Promise<Scene> {
  const redis = await createRedis(t)
  const open = async () => {
    const counters = new RedisCounters(redis.url)
    await counters.connect()
    t.teardown(() => counters.close())
    return counters
  }
  const pass = async (ms: number) => {
    for (const key of await redis.command('keys', '*') as string[]) {
      const left = Number(await redis.command('pttl', key))
      t.ok(left > 0, 'no key is kept for ever')
      if (await redis.command('type', key) === 'hash') await redis.command('hincrby', key, 'at', String(-ms))
      await redis.command('pexpire', key, String(left - ms))
    }
  }
  return { counters: await open(), elsewhere: await open(), pass }
}

const account: Budget = { key: 'account', free: 3, delays: { firstMs: 60_000, longestMs: 200_000 }, forgottenAfterMs: 1_000_000 }
const source: Budget = { key: 'source', free: 5, forgottenAfterMs: 300_000 }

const waitOf = (begun: Begun) => begun.kind === 'refused' ? begun.waitMs : 0
const begunOf = (all: Begun[]) => all.filter(({ kind }) => kind === 'begun').length
/** A wait that has begun a moment ago; Redis' clock goes on. */
const near = (t: Test, waitMs: number, expected: number) => t.ok(waitMs <= expected && waitMs > expected - 30_000, `${waitMs} of ${expected}`)

const ADAPTERS = { memory: { scene: inMemory, skip: false }, Redis: { scene: inRedis, skip: REDIS_MISSING } }

for (const [name, { scene, skip }] of Object.entries(ADAPTERS)) {
  t.test(`counters in ${name}`, { skip }, async t => {
    t.test('a window counts everything in it, wherever it was asked, and begins anew', async t => {
      const { counters, elsewhere, pass } = await scene(t)
      const counts = await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? counters : elsewhere).count('k', 60_000)))
      t.same(counts.map(({ count }) => count).sort((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i + 1))
      t.ok(counts.every(({ resetMs }) => resetMs > 0 && resetMs <= 60_000))
      t.equal((await counters.count('another', 60_000)).count, 1)
      await pass(20_000)
      const later = await counters.count('k', 60_000)
      t.equal(later.count, 201)
      t.ok(later.resetMs <= 40_000, 'more requests do not move its end')
      await pass(40_000)
      t.equal((await counters.count('k', 60_000)).count, 1)
    })

    t.test('of parallel attempts exactly the free ones begin', async t => {
      const { counters, elsewhere } = await scene(t)
      const all = await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? counters : elsewhere).begin([account])))
      t.equal(begunOf(all), 3)
      for (const refused of all) if (refused.kind === 'refused') near(t, refused.waitMs, 60_000)
    })

    t.test('waits double up to the longest, with one attempt after each, and are forgotten after the last failure', async t => {
      const { counters, pass } = await scene(t)
      for (let i = 0; i < 3; i++) t.equal((await counters.begin([account])).kind, 'begun')
      for (const expected of [60_000, 120_000, 200_000, 200_000]) {
        near(t, waitOf(await counters.begin([account])), expected)
        await pass(expected)
        const all = await Promise.all(Array.from({ length: 5 }, () => counters.begin([account])))
        t.equal(begunOf(all), 1)
      }
      await pass(1_000_000)
      t.equal(begunOf(await Promise.all(Array.from({ length: 5 }, () => counters.begin([account])))), 3)
    })

    t.test('without delays it is a fixed window of failures', async t => {
      const { counters, pass } = await scene(t)
      for (let i = 0; i < 5; i++) {
        t.equal((await counters.begin([source])).kind, 'begun')
        await pass(10_000)
      }
      near(t, waitOf(await counters.begin([source])), 250_000)
      await pass(250_000)
      t.equal((await counters.begin([source])).kind, 'begun')
    })

    t.test('a refusal charges nobody, and names the budget that waits longest', async t => {
      const { counters } = await scene(t)
      for (let i = 0; i < 3; i++) await counters.begin([account, source])
      for (let i = 0; i < 10; i++) t.match(await counters.begin([account, source]), { kind: 'refused', index: 0 })
      for (let i = 0; i < 2; i++) t.equal((await counters.begin([source])).kind, 'begun', 'three of five were used')
      t.match(await counters.begin([account, source]), { kind: 'refused', index: 1 })
      t.match(await counters.begin([{ ...account, key: 'other' }, source]), { kind: 'refused', index: 1 })
      t.equal(begunOf(await Promise.all(Array.from({ length: 5 }, () => counters.begin([{ ...account, key: 'other' }])))), 3)
    })

    t.test('what was not evaluated is given back; a success begins anew; neither makes more than there was', async t => {
      const { counters } = await scene(t)
      for (let i = 0; i < 10; i++) {
        const begun = await counters.begin([account, source])
        t.equal(begun.kind, 'begun')
        if (begun.kind === 'begun') await begun.attempt.forgive(['account', 'source', 'unknown'])
      }
      const begun = await counters.begin([account, source])
      if (begun.kind === 'begun') for (let i = 0; i < 5; i++) await begun.attempt.forgive(['account', 'source'])
      t.equal(begunOf(await Promise.all(Array.from({ length: 10 }, () => counters.begin([account, source])))), 3)
      await counters.reset(['account', 'unknown'])
      t.equal(begunOf(await Promise.all(Array.from({ length: 10 }, () => counters.begin([account, source])))), 2, 'what the other budget has left')
    })
  })
}

t.test('a flood of keys fills no memory, and one of requests forgets no guesses', async t => {
  const counters = new MemoryCounters()
  for (let i = 0; i < 3; i++) await counters.begin([account])
  for (let i = 0; i < 100_000; i++) await counters.count(`window ${i}`, 60_000)
  t.equal((await counters.begin([account])).kind, 'refused')
  for (let i = 0; i < 100_000; i++) await counters.begin([{ ...account, key: `account ${i}` }])
  t.ok(counters.size <= 100_000)
})
