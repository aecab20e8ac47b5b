import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { startEmbeddedPostgres } from '../packages/local-mode/src/embedded-postgres.js'
import { findFreePort } from '../packages/local-mode/src/ports.js'
import { createPlace, logIn, startLocalMode } from './fixtures/local-mode.js'

t.test('two copies run side by side, but not on the same ports or data', async t => {
  const first = await startLocalMode(t)
  const other = await createPlace(t)
  await t.rejects(startLocalMode(t, {}, { ...other, apiPort: first.apiPort }), { message: /start: API_PORT: port \d+ .*\n$/ })
  await t.rejects(startLocalMode(t, {}, { ...other, wsPort: first.wsPort }), { message: /start: WS_PORT: port \d+ .*\n$/ })
  await t.rejects(startLocalMode(t, {}, { ...other, dataDir: first.dataDir }), { message: /start: DATA_DIR: local mode runs .*\n$/ })
  const second = await startLocalMode(t, {}, other)
  t.equal(await logIn(first), 200)
  t.equal(await logIn(second), 200)
})

t.test('a DATABASE_URL that leads nowhere is one sentence without the password', async t => {
  const port = await findFreePort()
  const failure: Error = await startLocalMode(t, { DATABASE_URL: `postgres://me:secret@127.0.0.1:${port}/auth` }).then(() => t.fail('it started'), err => err)
  t.match(failure.message, /start: DATABASE_URL: cannot use PostgreSQL \(ECONNREFUSED\)/)
  t.notMatch(failure.message, 'secret')
})

t.test('bad settings of all parts are told before anything is started', async t => {
  const place = await createPlace(t)
  await t.rejects(startLocalMode(t, { BCRYPT_COST: '99', WS_MESSAGE_RATE: 'x' }, place), { message: /start: BCRYPT_COST must [^]*WS_MESSAGE_RATE must / })
  t.notOk(existsSync(place.dataDir))
})

t.test('a part that cannot start ends everything with its own reason', async t => {
  const place = await createPlace(t)
  await t.rejects(startLocalMode(t, { PRIVATE_KEY_PATH: '/nowhere/private.pem' }, place), { message: /api +\| fastify-api: PRIVATE_KEY_PATH[^]*start: api ended while starting/ })
  t.same(readdirSync(place.dataDir).sort(), ['credentials.json', 'postgres'], 'the locks are gone')
  t.notOk(readdirSync(path.join(place.dataDir, 'postgres')).includes('postmaster.pid'), 'PostgreSQL has stopped')
})

t.test('without a home, settings only in the environment, and stale files of an earlier run', async t => {
  const place = await createPlace(t)
  mkdirSync(place.dataDir, { mode: 0o700 })
  for (const lock of ['local-mode.lock', 'postgres.lock']) writeFileSync(path.join(place.dataDir, lock), '{"pid":1,"identity":"of another boot","port":5432}')
  const running = await startLocalMode(t, { HOME: '' }, place)
  t.equal(await logIn(running), 200)
})

t.test('a database that another process runs is left alone', async t => {
  const place = await createPlace(t)
  const postgres = await startEmbeddedPostgres({ dataDir: place.dataDir, settings: { fsync: 'off' } })
  t.teardown(() => postgres.stop())
  await t.rejects(startLocalMode(t, {}, place), { message: /DATA_DIR: process \d+ runs the database/ })
})
