import { AuthError } from '@fastify-uws-auth/auth-contract'
import t from 'tap'
import { changePassword } from '../src/auth/accounts.js'
import { unlockAccount } from '../src/auth/guess-ceiling.js'
import { signIn } from '../src/auth/sign-in.js'
import { comparingBy, createOtherUser, deviceCookieOf, login, signInContextOf, startApi, TEST_ORIGIN } from './fixtures/api.js'
import { runProgram } from './fixtures/programs.js'

const MAXIMUM = 100

t.test('a hundred wrong passwords in a row', async t => {
  const api = await startApi(t)
  const { app, resources, database: { pool }, env } = api
  const other = await startApi(t, { SEED_DEMO_USER: 'false' }, { database: api.database, files: { keys: api.keys, env: api.env } })
  let users = 0
  const newUser = async () => {
    const credentials = await createOtherUser(api, `user-${users++}`)
    const id = (await pool.query('select id from users where username = $1', [credentials.username])).rows[0].id as string
    const guess = (password: string, device?: string) => app.inject({
      method: 'POST', url: '/api/login', payload: { username: credentials.username, password }, headers: device === undefined ? {} : { cookie: `device=${device}` }
    })
    /** That many failures at once, over both processes, without the hashing, which would take most of the time. */
    const guessWrong = (count: number, deviceCookie?: string) => Promise.all(Array.from({ length: count }, (_, i) => {
      const context = signInContextOf(i % 2 ? api : other)
      return signIn({ ...context, passwords: comparingBy(context.passwords, async () => false) },
        { identifier: credentials.username, password: 'x', origin: TEST_ORIGIN, refreshToken: undefined, deviceCookie })
    }))
    const right = async (device?: string) => await guess(credentials.password, device)
    const budgets = async () => (await pool.query('select device_id as device, failures from guess_ceilings where user_id = $1 order by device_id nulls first', [id])).rows
    const told = async (type: string) => (await pool.query('select data from outbox where type = $1 and user_id = $2 order by position', [type, id])).rows.map(({ data }) => data)
    return { id, credentials, guess, guessWrong, right, budgets, told }
  }
  const reasonsOf = (outcomes: Awaited<ReturnType<typeof signIn>>[]) => outcomes.map(outcome => outcome.kind === 'refused' ? outcome.reason : outcome.kind)

  t.test('close the account to unknown devices: the right one gets the same answer', async t => {
    const user = await newUser()
    await user.guessWrong(MAXIMUM - 1)
    t.same(await user.told('account.locked'), [])
    const wrong = await user.guess('wrong')
    t.same(await user.told('account.locked'), [{ deviceId: null, failures: MAXIMUM }])
    t.equal(api.logged.filter(line => line.includes('"event":"account.locked"') && line.includes(user.id)).length, 1)
    const refused = await user.right()
    const face = ({ statusCode, body, headers }: typeof wrong) => {
      const { date: _date, 'x-request-id': _id, 'ratelimit-remaining': _left, 'ratelimit-reset': _reset, ...rest } = headers
      return { statusCode, body: body.replace(/"requestId":"[^"]+"/, ''), rest }
    }
    t.same(face(refused), face(wrong))
    t.equal((await user.told('login.failed')).at(-1).reason, 'locked')
    for (let i = 0; i < 3; i++) t.equal((await user.guess('wrong')).statusCode, 401)
    t.same(await user.told('account.locked'), [{ deviceId: null, failures: MAXIMUM }], 'told once')
    t.same(await user.budgets(), [{ device: null, failures: MAXIMUM }])
    t.same(await user.told('login.succeeded'), [])
    t.equal((await user.right('x'.repeat(43))).statusCode, 401, 'a made-up device is an unknown one')
  })

  t.test('a closed account costs as much work as an open one', async t => {
    const user = await newUser()
    await user.guessWrong(MAXIMUM)
    let compared = 0
    const context = signInContextOf(api)
    const passwords = comparingBy(context.passwords, async matches => { compared++; return await matches() })
    const request = { password: user.credentials.password, origin: TEST_ORIGIN, refreshToken: undefined, deviceCookie: undefined }
    t.same(reasonsOf([await signIn({ ...context, passwords }, { ...request, identifier: user.credentials.username })]), ['locked'])
    t.same(reasonsOf([await signIn({ ...context, passwords }, { ...request, identifier: 'nobody-here' })]), ['unknown_user'])
    t.equal(compared, 2)
    t.equal((await pool.query('select from guess_ceilings where user_id not in (select id from users)')).rowCount, 0)
  })

  t.test('have to be in a row', async t => {
    const user = await newUser()
    for (let round = 0; round < 3; round++) {
      await user.guessWrong(MAXIMUM - 1)
      t.same(await user.budgets(), [{ device: null, failures: MAXIMUM - 1 }])
      t.equal((await user.right()).statusCode, 200, 'the hundredth is right')
      t.same(await user.budgets(), [])
    }
    t.same(await user.told('account.locked'), [])
  })

  t.test('200 at once, over two processes, with five left: five are evaluated', async t => {
    const user = await newUser()
    await user.guessWrong(MAXIMUM - 5)
    const reasons = reasonsOf(await user.guessWrong(200))
    t.equal(reasons.filter(reason => reason === 'wrong_password').length, 5)
    t.equal(reasons.filter(reason => reason === 'locked').length, 195)
    t.same(await user.told('account.locked'), [{ deviceId: null, failures: MAXIMUM }])
  })

  t.test('of a known device are its own', async t => {
    const user = await newUser()
    const [here, there] = [deviceCookieOf(await user.right())!, deviceCookieOf(await user.right())!]
    await user.guessWrong(MAXIMUM)
    t.equal((await user.right()).statusCode, 401)
    t.equal((await user.right(here)).statusCode, 200, 'its owner still gets in')
    t.same(await user.budgets(), [{ device: null, failures: MAXIMUM }], 'which opens nothing to others')
    t.equal((await user.right()).statusCode, 401)

    const reasons = reasonsOf(await user.guessWrong(MAXIMUM + 20, here))
    t.equal(reasons.filter(reason => reason === 'wrong_password').length, MAXIMUM)
    t.equal((await user.right(here)).statusCode, 401)
    t.equal((await user.right(there)).statusCode, 200)
    t.match(await user.told('account.locked'), [{ deviceId: null }, { deviceId: /^[0-9a-f-]{36}$/, failures: MAXIMUM }])
  })

  t.test('count at the confirmation of a password, too, with the device of the session', async t => {
    const user = await newUser()
    const session = await login(app, user.credentials)
    const device = deviceCookieOf(session.response)!
    const confirm = async (password: string) => (await app.inject({
      method: 'POST', url: '/api/reauthenticate', payload: { password }, headers: { authorization: `Bearer ${session.accessToken}` }
    })).statusCode
    await user.guessWrong(MAXIMUM)
    t.equal(await confirm(user.credentials.password), 204)
    await user.guessWrong(MAXIMUM - 1, device)
    t.equal(await confirm(user.credentials.password), 204)
    t.same(await user.budgets(), [{ device: null, failures: MAXIMUM }])
    await user.guessWrong(MAXIMUM - 1, device)
    t.equal(await confirm('wrong'), 401)
    t.equal(await confirm(user.credentials.password), 401)
    t.equal((await user.right(device)).statusCode, 401)
    t.match((await user.told('account.locked')).at(-1), { deviceId: /^[0-9a-f-]{36}$/, failures: MAXIMUM })
    t.match((await user.told('login.failed')).map(({ reason }) => reason).slice(-2), ['locked', 'locked'])
  })

  t.test('what was not evaluated does not count', async t => {
    const user = await newUser()
    await user.guessWrong(MAXIMUM - 1)
    const context = signInContextOf(api)
    const overloaded = { ...context, passwords: comparingBy(context.passwords, async () => { throw new AuthError('overloaded') }) }
    const request = { identifier: user.credentials.username, password: 'x', origin: TEST_ORIGIN, refreshToken: undefined, deviceCookie: undefined }
    for (let i = 0; i < 3; i++) await t.rejects(signIn(overloaded, request), { code: 'overloaded' })
    t.same(await user.budgets(), [{ device: null, failures: MAXIMUM - 1 }])
    await user.guess('wrong')
    await t.rejects(signIn(overloaded, request), { code: 'overloaded' }, 'closed, and as overloaded as open ones')
    t.same(await user.budgets(), [{ device: null, failures: MAXIMUM }])
    t.equal((await user.right()).statusCode, 401)
  })

  t.test('a right password of a disabled account does not count', async t => {
    const user = await newUser()
    await pool.query('update users set disabled_at = now() where id = $1', [user.id])
    await user.guess('wrong')
    for (let i = 0; i < 3; i++) t.equal((await user.right()).statusCode, 401)
    t.same(await user.budgets(), [{ device: null, failures: 1 }])
  })

  t.test('an administrator unlocks: every budget begins anew', async t => {
    const user = await newUser()
    const device = deviceCookieOf(await user.right())!
    const admin = (...args: string[]) => runProgram('packages/local-mode/dist/admin.js', args, { DATABASE_URL: api.database.connectionString, PASSWORD_PEPPER_PATH: env['PASSWORD_PEPPER_PATH'] })
    await user.guess('wrong')
    t.match(await admin('user', 'unlock', user.credentials.username), { code: 0, stdout: /was not locked/ })
    t.same(await user.told('account.unlocked'), [])
    await user.guessWrong(MAXIMUM)
    await user.guessWrong(MAXIMUM, device)
    t.match((await admin('user', 'list')).stdout, new RegExp(`\\t${user.credentials.username}\\t.*\\tenabled, locked\\n`))
    t.match(await admin('user', 'unlock', user.credentials.username), { code: 0, stdout: `Unlocked ${user.credentials.username}.\n`, stderr: '' })
    t.notMatch((await admin('user', 'list')).stdout, new RegExp(`\\t${user.credentials.username}\\t.*locked`))
    t.same(await user.told('account.unlocked'), [{ by: 'admin' }])
    t.equal((await user.right(device)).statusCode, 200)
    t.equal((await user.right()).statusCode, 200)
    await user.guessWrong(MAXIMUM)
    t.equal((await user.told('account.locked')).length, 3, 'and closes anew')
    t.equal(await unlockAccount(pool, user.id), 1)
  })

  t.test('a new password opens the account', async t => {
    const user = await newUser()
    await user.guessWrong(MAXIMUM)
    await changePassword(pool, resources.passwords, user.id, user.credentials.password)
    t.same(await user.budgets(), [])
    t.equal((await user.right()).statusCode, 200)
  })
})
