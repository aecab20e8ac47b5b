import t from 'tap'
import { createAccount, DEMO_ACCOUNT, disableAccount } from '../src/auth/accounts.js'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createKeyFiles, login, startApi } from './fixtures/api.js'

t.test('a start makes the demo account once and undoes nothing', async t => {
  const [database, files] = [await createDatabase(t), await createKeyFiles(t)]
  const first = await startApi(t, {}, { database, files })
  await login(first.app)
  const { rows: [{ id }] } = await database.pool.query('select id from users where username = $1', [DEMO_ACCOUNT.username])
  await disableAccount(database.pool, id)
  const { app } = await startApi(t, {}, { database, files })
  t.equal((await app.inject({ method: 'POST', url: '/api/login', payload: DEMO_ACCOUNT })).statusCode, 401)
})

t.test('a real user of that name keeps their password', async t => {
  const [database, files] = [await createDatabase(t), await createKeyFiles(t)]
  const { resources } = await startApi(t, { SEED_DEMO_USER: 'false' }, { database, files })
  await createAccount(database.pool, resources.passwords, { username: DEMO_ACCOUNT.username, email: null, password: 'a password of their own' })
  const { app } = await startApi(t, {}, { database, files })
  t.equal((await app.inject({ method: 'POST', url: '/api/login', payload: DEMO_ACCOUNT })).statusCode, 401)
})
