import t from 'tap'
import { checkPostgres } from '../src/postgres-check.js'
import { createDatabase } from './fixtures/database.js'

t.test('a migrated database is fine', async t => {
  const { connectionString } = await createDatabase(t)
  await t.resolves(checkPostgres('DATABASE_URL', connectionString))
})

t.test('a database without tables says what to run', async t => {
  const { connectionString, pool } = await createDatabase(t)
  await pool.query('drop table signing_keys')
  await t.rejects(checkPostgres('DATABASE_URL', connectionString), { name: 'StartupError', message: /^DATABASE_URL: .*npm run migrate/ })
})

t.test('what cannot be used is a sentence with the setting and without the address', async t => {
  const { connectionString } = await createDatabase(t)
  const missing = Object.assign(new URL(connectionString), { pathname: '/no_such_database' }).href
  const stranger = Object.assign(new URL(connectionString), { username: 'nobody', password: 'hunter2' }).href
  const addresses = [missing, stranger, 'postgres://u:hunter2@127.0.0.1:1/db', 'postgres://u:hunter2@127.0.0.1:99999/db', 'postgres://u:hunter2@[::1/db',
    'postgres://u:hunter2@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/no/such/file', 'postgres:hunter2']
  for (const address of addresses) {
    const err = await checkPostgres('DATABASE_LISTEN_URL', address).then(() => undefined, (err: Error) => err)
    t.equal(err?.name, 'StartupError')
    t.match(err?.message, /^DATABASE_LISTEN_URL: cannot use PostgreSQL \(\w+\); check that/)
    t.notMatch(err?.message, /hunter2/)
  }
})
