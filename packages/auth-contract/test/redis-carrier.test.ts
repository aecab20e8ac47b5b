import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { RevocationAnnouncer } from '../src/revocation-announcer.js'
import { RedisCarrier } from '../src/redis-carrier.js'
import type { Revocation } from '../src/revocation.js'
import { RevocationSet } from '../src/revocation-set.js'
import { createDatabase } from './fixtures/database.js'
import { REDIS_MISSING, createRedis, type TestRedis } from './fixtures/redis-server.js'
import { createFeed, createLog, readAgain, revoke, type TestFeed } from './fixtures/revocation-feed.js'
import { until } from './fixtures/until.js'

/** News that are not in the table, so that only the carrier can bring them. */
function unwritten (): Revocation {
  return { sid: randomUUID(), sub: randomUUID(), reason: 'logout', revokedAt: Date.now() }
}

function redisFeed (t: Test, connectionString: string, url: string): TestFeed {
  return createFeed(t, connectionString, { carrier: log => new RedisCarrier({ url, log }) })
}

/** What another process has: a set of its own, and a connection to publish on. */
function createOther (t: Test, url: string) {
  const { log, logged } = createLog()
  const carrier = new RedisCarrier({ url, log })
  carrier.listen({ onMessage () {}, onListening () {} })
  t.teardown(() => carrier.close())
  const revocations = new RevocationSet({ accessTokenLifetimeMs: 900_000 })
  return { announcer: new RevocationAnnouncer({ revocations, carrier }), carrier, revocations, logged }
}

async function listeners (redis: TestRedis): Promise<number> {
  return Number((await redis.command('pubsub', 'numsub', 'revocations') as unknown[])[1])
}

t.test('Redis as the carrier', { skip: REDIS_MISSING }, async t => {
  t.test('an announced session is known here when announce() returns, and elsewhere by the channel, once', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, revocations, told, paths } = redisFeed(t, connectionString, redis.url)
    const other = createOther(t, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 2)
    const news = [unwritten(), unwritten()]
    other.announcer.announce(news)
    for (const { sid } of news) t.equal(other.revocations.has(sid), true)
    await until(() => news.every(({ sid }) => revocations.has(sid)))
    t.strictSame(revocations.get(news[0]!.sid), news[0])
    other.announcer.announce(news)
    await readAgain(feed)
    t.strictSame(told, news.map(({ sid }) => sid))
    t.strictSame(paths, ['redis', 'redis'])
  })

  t.test('what somebody else has told is learned here and not told again', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, told } = redisFeed(t, connectionString, redis.url)
    const other = createOther(t, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 2)
    const [learned, announced] = [unwritten(), unwritten()]
    other.announcer.learn(learned)
    other.announcer.announce([announced])
    await until(() => told.includes(announced.sid))
    t.equal(other.revocations.has(learned.sid), true)
    t.strictSame(told, [announced.sid])
  })

  t.test('a lost message is found by the next read', async t => {
    const { connectionString, pool } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, revocations, paths } = redisFeed(t, connectionString, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 1)
    const sid = await revoke(pool)                    // nobody publishes it, and nobody listens to PostgreSQL
    await until(() => revocations.has(sid))
    t.strictSame(paths, ['read'])
  })

  t.test('garbage on the channel is logged and survived', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, revocations, told, logged } = redisFeed(t, connectionString, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 1)
    const garbage = ['', 'x', 'null', '[]', '{}', '"logout"', '{"sid":1}', '{"sid":"a","sub":"b","reason":"logout","revokedAt":"now"}',
      '['.repeat(100_000), JSON.stringify({ ...unwritten(), sid: 'x'.repeat(65) }), JSON.stringify({ ...unwritten(), more: 'x'.repeat(2000) }), '\u0001\u202e💥']
    for (const payload of garbage) await redis.command('publish', 'revocations', payload)
    const good = unwritten()
    await redis.command('publish', 'revocations', JSON.stringify({ ...good, more: 'of a later version' }))
    await until(() => revocations.has(good.sid))
    t.strictSame(revocations.get(good.sid), good, 'and nothing else of the message is kept')
    t.strictSame(told, [good.sid])
    t.equal(logged.filter(line => line.includes('could not be read')).length, garbage.length)
  })

  t.test('Redis killed and started again: nothing is missed, one line says so, the channel works again', async t => {
    const { connectionString, pool } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, revocations, logged } = redisFeed(t, connectionString, redis.url)
    const other = createOther(t, redis.url)
    await feed.start()
    for (let round = 0; round < 2; round++) {
      await until(async () => await listeners(redis) === 2)
      await redis.signal('SIGKILL')
      const during = await revoke(pool)
      other.announcer.announce([{ ...unwritten(), sid: during }])
      await until(() => revocations.has(during))
      t.equal(feed.isStale(), false, 'only the table decides about that')
      await redis.start()
      await until(async () => await listeners(redis) === 2)
      const after = unwritten()
      // Published until the other has noticed that Redis is back: what it sends before is lost by design.
      await until(() => {
        other.carrier.publish(after)
        return revocations.has(after.sid)
      })
    }
    for (const lines of [logged, other.logged]) {
      t.equal(lines.filter(line => line.includes('Redis is out of reach')).length, 2)
      await until(() => lines.filter(line => line.includes('Redis is back')).length === 2)
    }
  })

  t.test('a start while Redis is away works; the news come when it is there', async t => {
    const { connectionString, pool } = await createDatabase(t)
    const redis = await createRedis(t, false)
    const { feed, revocations, logged } = redisFeed(t, connectionString, redis.url)
    await feed.start()
    t.equal(feed.isStale(), false)
    const sid = await revoke(pool)
    await until(() => revocations.has(sid))
    t.equal(logged.filter(line => line.includes('Redis is out of reach')).length, 1)
    await redis.start()
    await until(async () => await listeners(redis) === 1)
    const news = unwritten()
    await redis.command('publish', 'revocations', JSON.stringify(news))
    await until(() => revocations.has(news.sid))
  })

  t.test('a Redis that goes silent holds nobody up and is noticed', async t => {
    const { connectionString, pool } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, revocations, logged } = redisFeed(t, connectionString, redis.url)
    const other = createOther(t, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 2)
    await redis.signal('SIGSTOP')
    const sid = await revoke(pool)
    for (let i = 0; i < 20_000; i++) other.carrier.publish(unwritten())      // returns, and is bounded
    await until(() => revocations.has(sid))
    await until(() => logged.some(line => line.includes('Redis is out of reach')))
    await redis.signal('SIGCONT')
    await until(() => logged.some(line => line.includes('Redis is back')))
  })

  t.test('a password that is wrong costs the channel only, and is in no log', async t => {
    const { connectionString, pool } = await createDatabase(t)
    const redis = await createRedis(t)
    await redis.command('acl', 'setuser', 'app', 'on', '>right', '&*', '+@all')
    const { feed, revocations, logged } = redisFeed(t, connectionString, redis.url.replace('//', '//app:canary-4711@'))
    await feed.start()
    const sid = await revoke(pool)
    await until(() => revocations.has(sid))
    await readAgain(feed)
    t.equal(logged.filter(line => line.includes('Redis is out of reach') && line.includes('WRONGPASS')).length, 1)
    t.notMatch(logged.join(''), /canary-4711/)
  })

  t.test('missing rights are told once and used as soon as they are given', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    await redis.command('acl', 'setuser', 'app', 'on', '>right', 'resetchannels', '+@all')
    const url = redis.url.replace('//', '//app:right@')
    const { feed, revocations, logged } = redisFeed(t, connectionString, url)
    const other = createOther(t, url)
    await feed.start()
    await until(() => logged.some(line => line.includes('NOPERM')))
    await redis.command('acl', 'setuser', 'app', '&revocations')
    await until(async () => await listeners(redis) === 2)
    const news = unwritten()
    await until(() => {
      other.carrier.publish(news)
      return revocations.has(news.sid)
    })
    t.equal(logged.filter(line => line.includes('NOPERM')).length, 1)
  })

  t.test('the rights that SECURITY.md names are enough', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    await redis.command('acl', 'setuser', 'ws', 'on', '>pw', 'resetchannels', '&revocations', '-@all', '+@connection', '-@dangerous', '+subscribe')
    await redis.command('acl', 'setuser', 'api', 'on', '>pw', 'resetchannels', '&revocations', '-@all', '+@connection', '-@dangerous', '+subscribe', '+publish')
    const { feed, revocations, logged } = redisFeed(t, connectionString, redis.url.replace('//', '//ws:pw@'))
    const other = createOther(t, redis.url.replace('//', '//api:pw@'))
    await feed.start()
    await until(async () => await listeners(redis) === 2)
    const news = unwritten()
    other.announcer.announce([news])
    await until(() => revocations.has(news.sid))
    t.strictSame([...logged, ...other.logged], [])
  })

  t.test('close() ends the connection, at any moment and twice', async t => {
    const { connectionString } = await createDatabase(t)
    const redis = await createRedis(t)
    const { feed, logged } = redisFeed(t, connectionString, redis.url)
    await feed.start()
    await until(async () => await listeners(redis) === 1)
    await feed.close()
    await feed.close()
    const early = redisFeed(t, connectionString, redis.url).feed
    const starting = early.start().catch(() => {})
    await early.close()
    await starting
    await redisFeed(t, connectionString, redis.url).feed.close()
    await t.rejects(redisFeed(t, 'postgres://nobody@127.0.0.1:1/none', redis.url).feed.start(), { code: 'ECONNREFUSED' })
    await until(async () => await listeners(redis) === 0)
    await until(async () => !String(await redis.command('client', 'list')).includes('name=revocations'))
    t.strictSame(logged, [])
  })
})
