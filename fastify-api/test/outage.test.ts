import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { inTransaction } from '../src/db/queryable.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { buyTicket, createKeyFiles, get, login, refresh, refreshCookieOf, startApi } from './fixtures/api.js'
import { relayTo } from './fixtures/relay.js'

t.test('while PostgreSQL is away', async t => {
  const database = await createDatabase(t)
  const files = await createKeyFiles(t)
  const relay = await relayTo(t, database.connectionString)
  const shared = { database: { ...database, connectionString: relay.connectionString }, files }
  const { app } = await startApi(t, { REVOCATION_MAX_STALENESS: '5s' }, shared)
  const lenient = await startApi(t, { REVOCATION_MAX_STALENESS: 'never' }, shared)
  const ready = async () => (await app.inject('/api/ready')).json()
  const until = async (check: () => Promise<boolean>) => { while (!await check()) await sleep(100) }

  const session = await login(app)
  const over = await login(app)
  await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${over.refreshToken}` } })
  t.match(await ready(), { status: 'ready', checks: { postgres: 'ok', revocations: 'ok' } })
  // Remembers the name, so that the next answer needs no query.
  t.equal((await get(app, '/api/protected', session.accessToken)).statusCode, 200)
  t.equal((await get(lenient.app, '/api/protected', session.accessToken)).statusCode, 200)

  await relay.cut()
  t.match(await ready(), { status: 'not_ready', checks: { postgres: 'failing' } })
  t.equal((await app.inject('/api/health')).statusCode, 200)
  for (const response of [
    await app.inject({ method: 'POST', url: '/api/login', payload: { username: 'testuser', password: 'password123' } }),
    await refresh(app, session.refreshToken),
    await get(app, '/api/me', session.accessToken),
    await buyTicket(app, session.accessToken),
    await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${session.refreshToken}` } })
  ]) {
    t.match(response.json(), { status: 503, code: 'temporarily_unavailable', detail: undefined })
    t.ok(Number(response.headers['retry-after']) > 0)
    t.notOk('set-cookie' in response.headers, 'the cookie is left alone')
    t.notMatch(response.body, /ECONN|127\.0\.0\.1|Connection/)
  }

  await until(async () => (await ready()).checks.revocations === 'failing')
  const stale = await app.inject('/api/ready')
  t.equal(stale.statusCode, 503)
  t.ok(Number(stale.headers['retry-after']) > 0)
  for (const { accessToken } of [session, over]) t.equal((await get(app, '/api/protected', accessToken)).statusCode === 200, false, 'fails closed')
  t.match((await get(app, '/api/protected', session.accessToken)).json(), { code: 'temporarily_unavailable' })
  t.equal((await get(app, '/api/protected', 'rubbish')).statusCode, 401, 'a bad token is a bad token')
  t.equal((await get(lenient.app, '/api/protected', session.accessToken)).statusCode, 200, 'never trades that for availability')
  t.equal((await get(lenient.app, '/api/protected', over.accessToken)).statusCode, 401, 'and forgets nothing')

  await relay.restore()
  await until(async () => (await ready()).status === 'ready')
  t.equal((await get(app, '/api/protected', session.accessToken)).statusCode, 200)
  t.equal((await get(app, '/api/protected', over.accessToken)).statusCode, 401)
  t.equal((await refresh(app, session.refreshToken)).statusCode, 200, 'the same cookie works afterwards')
})

t.test('PostgreSQL goes away in the middle of refreshes: 503, and every client goes on with the cookie it has', async t => {
  const database = await createDatabase(t)
  const relay = await relayTo(t, database.connectionString)
  const { app } = await startApi(t, {}, { database: { ...database, connectionString: relay.connectionString }, files: await createKeyFiles(t) })
  const waiting = async () => (await database.pool.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).rowCount
  const until = async (check: () => Promise<boolean>) => { while (!await check()) await sleep(20) }
  const generations = async (ids: string[]) => (await database.pool.query('select generation from sessions where id = any($1) order by id', [ids])).rows.map(({ generation }) => generation as number)

  for (const commits of [false, true]) {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => login(app)))
    const ids = sessions.map(({ sessionId }) => sessionId)
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    await blocker.query('select from sessions where id = any($1) for update', [ids])
    // Two of each cookie, as two tabs would: they share one answer, and one failure.
    const refreshing = Promise.all(sessions.flatMap(({ refreshToken }) => [refresh(app, refreshToken), refresh(app, refreshToken)]))
    await until(async () => await waiting() === sessions.length)
    // The servers of the lost connections wait on: what they had been asked happens afterwards or never.
    if (!commits) await database.pool.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
    await relay.cut()
    for (const answer of await refreshing) {
      t.match(answer.json(), { status: 503, code: 'temporarily_unavailable' })
      t.ok(Number(answer.headers['retry-after']) > 0)
      t.notOk('set-cookie' in answer.headers)
    }
    await blocker.query('rollback')
    blocker.release()
    await until(async () => await waiting() === 0)
    const reached = commits ? 1 : 0
    await until(async () => (await generations(ids)).every(generation => generation === reached))

    await relay.restore()
    await until(async () => (await app.inject('/api/ready')).statusCode === 200)
    const again = await Promise.all(sessions.map(({ refreshToken }) => refresh(app, refreshToken)))
    t.same(again.map(({ statusCode }) => statusCode), sessions.map(() => 200), commits ? 'committed, answer lost' : 'never committed')
    t.same(await generations(ids), sessions.map(() => 1), 'one rotation each')
    for (const answer of again) {
      t.equal((await get(app, '/api/protected', answer.json().accessToken)).statusCode, 200)
      t.equal((await refresh(app, refreshCookieOf(answer)!)).statusCode, 200)
    }
  }
})

t.test('a connection that PostgreSQL ends in the middle of a transaction fails that one and nothing else', async t => {
  const { pool } = await createDatabase(t)
  await t.rejects(inTransaction(pool, async db => {
    const { rows: [row] } = await db.query<{ pid: number }>('select pg_backend_pid() as pid')
    await pool.query('select pg_terminate_backend($1)', [row!.pid])
    await db.query('select 1')
  }))
  t.match(await inTransaction(pool, async db => await db.query('select 1 as one')), { rows: [{ one: 1 }] })
})
