import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { createDatabase } from './fixtures/database.js'
import { createFeed, readAgain, revoke, revokeUnheard } from './fixtures/revocation-feed.js'
import { until } from './fixtures/until.js'

async function backends (pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name = 'revocation-feed' and datname = current_database()")
  return rows.map(({ pid }) => pid)
}

/** A way to the server that can be cut and held up. */
async function createProxy (t: Test, target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const state = { accepts: true, stalled: false, connections: 0 }
  const server = createServer(inbound => {
    state.connections += 1
    const outbound = connect(Number(port), hostname)
    for (const [from, to] of [[inbound, outbound], [outbound, inbound]] as const) {
      sockets.add(from)
      from.on('data', chunk => { if (!state.stalled) to.write(chunk) })
      from.on('error', () => {}).on('close', () => { sockets.delete(from); to.destroy() })
    }
    if (!state.accepts) inbound.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => { for (const socket of sockets) socket.destroy() }
  t.teardown(() => { server.close(); cut() })
  const url = Object.assign(new URL(target), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href
  return { url, state, cut }
}

t.test('what was committed before the start is known when start() resolves', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const recent = await revokeUnheard(pool, '10 minutes')
  const old = await revokeUnheard(pool, '2 hours')
  const { feed, revocations, paths } = createFeed(t, connectionString)
  t.equal(feed.staleness(), Infinity)
  t.equal(feed.isStale(), true)
  await feed.start()
  t.equal(revocations.has(recent), true)
  t.equal(revocations.has(old), false)
  t.strictSame(paths, ['start'])
  t.equal(feed.isStale(), false)
})

t.test('thousands at once, at the same instant too, are read page by page and none is left out', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations } = createFeed(t, connectionString)
  await pool.query('alter table revocations disable trigger notify_revocation')
  const insert = (count: number) => pool.query(
    "insert into revocations (sid, user_id, reason, revoked_at) select gen_random_uuid(), gen_random_uuid(), 'admin', now() from generate_series(1, $1)", [count])
  await insert(4000)
  await feed.start()
  t.equal(revocations.size, 4000)
  await insert(4500)
  await readAgain(feed)
  await until(() => revocations.size === 8500)
})

t.test('thousands of notifications of one statement', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations, paths } = createFeed(t, connectionString)
  await feed.start()
  await pool.query("insert into revocations (sid, user_id, reason) select gen_random_uuid(), gen_random_uuid(), 'admin' from generate_series(1, 3000)")
  await until(() => revocations.size === 3000)
  t.ok(paths.includes('notify'))
})

t.test('a notification is applied, once, with what the row says', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations, told, paths } = createFeed(t, connectionString)
  await feed.start()
  const sid = await revoke(pool, 'refresh_reuse')
  await until(() => revocations.has(sid))
  t.match(revocations.get(sid), { sid, reason: 'refresh_reuse', sub: /^[0-9a-f-]{36}$/ })
  const { rows } = await pool.query('select floor(extract(epoch from revoked_at) * 1000)::float8 as at from revocations')
  t.ok(revocations.get(sid)!.revokedAt <= rows[0].at)
  await readAgain(feed)
  t.strictSame(told, [sid], 'the read that follows tells nobody again')
  t.strictSame(paths, ['notify'])
})

t.test('a lost notification is found by the next read', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations } = createFeed(t, connectionString)
  await feed.start()
  const sid = await revokeUnheard(pool)
  t.equal(revocations.has(sid), false)
  await until(() => revocations.has(sid))
})

t.test('a row stamped long before it was committed is found too', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations } = createFeed(t, connectionString)
  await feed.start()
  await readAgain(feed)
  const sid = await revokeUnheard(pool, '20 seconds')
  await until(() => revocations.has(sid))
})

t.test('nothing is missed over a killed connection, however often', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations, logged } = createFeed(t, connectionString)
  await feed.start()
  for (let round = 0; round < 5; round++) {
    const [pid] = await backends(pool)
    await pool.query('select pg_terminate_backend($1)', [pid])
    const sids = await Promise.all([revoke(pool), revoke(pool), revoke(pool)])
    await until(() => sids.every(sid => revocations.has(sid)))
    await until(async () => (await backends(pool)).some(other => other !== pid))
  }
  t.ok(logged.some(line => line.includes('revocation feed connection broke')))
  t.equal((await backends(pool)).length, 1)
})

t.test('a connection that breaks during a read leaves one reader, not two', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const proxy = await createProxy(t, connectionString)
  const { feed, revocations } = createFeed(t, proxy.url)
  await feed.start()
  const blocker = await pool.connect()
  await blocker.query('begin; lock table revocations in access exclusive mode')
  await until(async () => {
    const { rowCount } = await blocker.query(
      "select from pg_stat_activity where application_name = 'revocation-feed' and datname = current_database() and wait_event_type = 'Lock'")
    return rowCount === 1
  })
  proxy.cut()
  await blocker.query('commit')
  blocker.release()
  const sid = await revoke(pool)
  await until(() => revocations.has(sid))
  await readAgain(feed)
  await feed.close()
  const connections = proxy.state.connections
  await new Promise(resolve => setTimeout(resolve, 2500))       // longer than a reader's pause
  t.equal(proxy.state.connections, connections)
})

t.test('garbage on the channel is logged and survived', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations, told, logged } = createFeed(t, connectionString)
  await feed.start()
  const [pid] = await backends(pool)
  const garbage = ['', 'x', 'null', '[]', '{}', '"logout"', '{"sid":1}', '{"sid":"a","sub":"b","reason":"logout","revokedAt":"now"}',
    '{"sid":"a","sub":"b","reason":"logout","revokedAt":1e999}', '['.repeat(7000), JSON.stringify({ sid: 'x'.repeat(65), sub: 'b', reason: 'logout', revokedAt: 1 }), '\u0001\u202e💥']
  for (const payload of garbage) await pool.query('select pg_notify($1, $2)', ['revocations', payload])
  const sid = await revoke(pool)
  await until(() => revocations.has(sid))
  t.strictSame(told, [sid])
  t.equal(logged.filter(line => line.includes('could not be read')).length, garbage.length)
  t.strictSame(await backends(pool), [pid])
})

t.test('a reason of a newer version ends the session by both ways', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed, revocations } = createFeed(t, connectionString)
  const before = await revoke(pool, 'a word of the next version')
  await feed.start()
  t.equal(revocations.get(before)?.reason, 'admin')
  const after = await revoke(pool, 'a word of the next version')
  await until(() => revocations.get(after)?.reason === 'admin')
})

t.test('while the server is out of reach staleness grows; afterwards nothing is missing', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const proxy = await createProxy(t, connectionString)
  const { feed, revocations, logged } = createFeed(t, proxy.url, { maxStalenessMs: 3000 })
  await feed.start()
  t.equal(feed.isStale(), false)
  proxy.state.accepts = false
  proxy.cut()
  const sid = await revoke(pool)
  await until(() => feed.isStale())
  t.ok(feed.staleness() > 3000)
  t.equal(revocations.has(sid), false)
  proxy.state.accepts = true
  await until(() => !feed.isStale())
  t.equal(revocations.has(sid), true)
  t.ok(logged.some(line => line.includes('revocation feed is back')))
})

t.test('a server that stops answering on an open connection is noticed', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const proxy = await createProxy(t, connectionString)
  const { feed, revocations } = createFeed(t, proxy.url, { maxStalenessMs: 3000 })
  await feed.start()
  proxy.state.stalled = true
  const sid = await revoke(pool)
  await until(() => feed.isStale())
  proxy.state.stalled = false
  await until(() => !feed.isStale())
  t.equal(revocations.has(sid), true)
})

t.test('a start that fails rejects, and leaves no connection and no reader', async t => {
  const { connectionString, pool } = await createDatabase(t)
  await pool.query('alter table revocations rename to elsewhere')
  const { feed } = createFeed(t, connectionString)
  await t.rejects(feed.start(), { code: '42P01' })
  t.equal(feed.isStale(), true)
  await until(async () => (await backends(pool)).length === 0)
  await t.rejects(createFeed(t, 'postgres://nobody@127.0.0.1:1/none').feed.start(), { code: 'ECONNREFUSED' })
})

t.test('close() ends the connection, at any moment and twice', async t => {
  const { connectionString, pool } = await createDatabase(t)
  const { feed } = createFeed(t, connectionString)
  await feed.start()
  await feed.close()
  await feed.close()
  const early = createFeed(t, connectionString).feed
  const starting = early.start().catch(() => {})
  await early.close()
  await starting
  await createFeed(t, connectionString).feed.close()
  await until(async () => (await backends(pool)).length === 0)
})
