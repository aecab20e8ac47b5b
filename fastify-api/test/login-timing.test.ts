import t from 'tap'
import { disableAccount } from '../src/auth/accounts.js'
import { createOtherUser, login, startApi } from './fixtures/api.js'

// `npm run bench:login-timing` measures the time.
t.test('whoever is told no at sign-in has cost one hash, like whoever is told yes', async t => {
  const api = await startApi(t, { METRICS_PORT: '9100' })       // nothing listens there: only the entry file opens it
  const { app, database: { pool }, resources } = api
  const { username, password } = await createOtherUser(api, 'banned')
  const { userId } = await login(app, { username, password })
  await disableAccount(pool, userId)
  const hashes = async () => Number(/^password_hash_seconds_count (\d+)/m.exec((await resources.meter.render()).text)![1])
  for (const [name, payload] of Object.entries({
    'right password': { username: 'testuser', password: 'password123' },
    'wrong password': { username: 'testuser', password: 'wrong' },
    'unknown user': { username: 'nobody-here', password },
    'not a name at all': { username: 'nul\0byte', password },
    'disabled account': { username, password },
    'disabled account, wrong password': { username, password: 'wrong' }
  })) {
    const before = await hashes()
    await app.inject({ method: 'POST', url: '/api/login', payload })
    t.equal(await hashes() - before, 1, name)
  }
})
