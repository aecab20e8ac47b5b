import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { REDIS_MISSING, createRedis, type TestRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { createLog } from '../../packages/auth-contract/test/fixtures/revocation-feed.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { FallbackCounters } from '../src/limits/fallback-counters.js'
import type { Budget } from '../src/limits/limit-counters.js'
import { MemoryCounters } from '../src/limits/memory-counters.js'
import { RedisCounters } from '../src/limits/redis-counters.js'

const account = (key: string): Budget => ({ key, free: 3, delays: { firstMs: 600_000, longestMs: 900_000 }, forgottenAfterMs: 1_000_000 })

async function open (t: Test, url: string) {
  const { log, logged } = createLog()
  const counters = new FallbackCounters({ redis: new RedisCounters(url), memory: new MemoryCounters(), log })
  t.teardown(() => counters.close())
  await counters.connect()
  const said = (text: string) => logged.filter(line => line.includes(text)).length
  return { counters, logged, said }
}

/** How many of a thousand parallel guesses begin. */
async function guess (counters: FallbackCounters, key: string): Promise<number> {
  const all = await Promise.all(Array.from({ length: 1000 }, () => counters.begin([account(key)])))
  return all.filter(({ kind }) => kind === 'begun').length
}

const AWAY = 'limits are counted in this process'
const BACK = 'limits are counted in Redis again'

t.test('Redis is away', { skip: REDIS_MISSING }, async t => {
  const goes: Record<string, { away: (redis: TestRedis) => Promise<unknown>, back: (redis: TestRedis) => Promise<unknown> }> = {
    'killed, started again': { away: redis => redis.signal('SIGKILL'), back: redis => redis.start() },
    'hung, going on': { away: redis => redis.signal('SIGSTOP'), back: redis => redis.signal('SIGCONT') },
    'full, with room again': {
      away: redis => redis.command('config', 'set', 'maxmemory', '1'), back: redis => redis.command('config', 'set', 'maxmemory', '0')
    },
    'a replica, leading again': {
      away: redis => redis.command('replicaof', '127.0.0.1', '1'), back: redis => redis.command('replicaof', 'no', 'one')
    },
    'busy with a script, which is ended': {
      away: async redis => {
        redis.command('eval', 'while true do end', '0').catch(() => {})
        await until(() => redis.command('ping').then(() => false, () => true))
      },
      // It answers nothing but this now, not even what a client asks first.
      back: async redis => { connect(Number(new URL(redis.url).port), '127.0.0.1').end('SCRIPT KILL\r\n').resume() }
    }
  }
  for (const [name, { away, back }] of Object.entries(goes)) {
    t.test(name, async t => {
      const redis = await createRedis(t)
      await redis.command('config', 'set', 'busy-reply-threshold', '100')
      const { counters, logged, said } = await open(t, redis.url)
      t.equal(await guess(counters, 'before'), 3)
      t.equal(counters.isInMemory, false)
      const begun = await counters.begin([account('under way')])
      await away(redis)
      t.equal(await guess(counters, 'during'), 3, 'limits hold in this process')
      t.equal(counters.isInMemory, true)
      t.equal((await counters.count('k', 60_000)).count, 1)
      t.equal((await counters.count('k', 60_000)).count, 2)
      if (begun.kind === 'begun') await begun.attempt.forgive(['under way'])
      await counters.reset(['during'])
      t.equal(await guess(counters, 'during'), 3, 'a success begins anew here')
      t.equal(said(AWAY), 1)
      t.notMatch(logged.join(''), /"reason":"\w*Error"/, 'the reason is a word that says something')
      await back(redis)
      await until(() => said(BACK) === 1)
      t.equal(counters.isInMemory, false)
      t.equal(await guess(counters, 'after'), 3)
      t.ok(Number(await redis.command('exists', 'limits:after')) === 1, 'it counts in Redis again')
      t.equal(said(AWAY), 1)
      t.notMatch(logged.join(''), /during|under way|redis:\/\//)
    })
  }

  t.test('it was never there, and comes', async t => {
    const redis = await createRedis(t, false)
    const { counters, said } = await open(t, redis.url)
    t.equal(said(AWAY), 1)
    t.equal(await guess(counters, 'before'), 3)
    await redis.start()
    await until(() => said(BACK) === 1)
  })

  t.test('with a wrong password limits hold, and no log has it', async t => {
    const redis = await createRedis(t)
    await redis.command('acl', 'setuser', 'limits', 'on', '>right', '~*', '+@all')
    const { counters, logged, said } = await open(t, redis.url.replace('//', '//limits:hunter2@'))
    t.equal(await guess(counters, 'k'), 3)
    await setTimeout(1200)
    t.equal(said(AWAY), 1, 'however often it is tried')
    t.notMatch(logged.join(''), /hunter2/)
  })

  t.test('the rights that SECURITY.md lists are enough', async t => {
    const redis = await createRedis(t)
    await redis.command('acl', 'setuser', 'api', 'on', '>secret', 'resetchannels', '-@all', '+@connection', '-@dangerous',
      '~limits:*', '+eval', '+evalsha', '+time', '+incr', '+pttl', '+pexpire', '+hmget', '+hget', '+hset', '+hincrby', '+del')
    const { counters, logged } = await open(t, redis.url.replace('//', '//api:secret@'))
    const begun = await counters.begin([account('k')])
    if (begun.kind === 'begun') await begun.attempt.forgive(['k'])
    await counters.reset(['k'])
    await counters.count('w', 60_000)
    t.same(logged, [])
    t.equal(counters.isInMemory, false)
  })
})
