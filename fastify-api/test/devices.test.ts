import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { changePassword } from '../src/auth/accounts.js'
import { cleanUpOnce } from '../src/clean-up.js'
import { createOtherUser, deviceCookieOf, get, login, refresh, startApi, type SignedIn } from './fixtures/api.js'

interface Listed { id: string, current: boolean, createdAt: string, lastUsedAt: string, userAgent: string | null, ip: string | null }

t.test('devices', async t => {
  const api = await startApi(t)
  const { app, resources, database: { pool } } = api
  let users = 0
  const newUser = async () => {
    const credentials = await createOtherUser(api, `user-${users++}`)
    /** Signs in from a browser that sends this device cookie. */
    const signIn = async (device?: string, headers: Record<string, string> = {}) => {
      const signedIn = await login(app, credentials, { ...headers, ...device === undefined ? {} : { cookie: `device=${device}` } })
      return { ...signedIn, device: deviceCookieOf(signedIn.response) }
    }
    return { credentials, signIn }
  }
  const list = async ({ accessToken }: SignedIn): Promise<Listed[]> => (await get(app, '/api/devices', accessToken)).json().devices
  const currentOf = async (session: SignedIn) => (await list(session)).find(({ current }) => current)!.id
  const forget = ({ accessToken }: SignedIn, id: string, options: InjectOptions = {}) =>
    app.inject({ method: 'DELETE', url: `/api/devices/${id}`, headers: { authorization: `Bearer ${accessToken}` }, ...options })
  const toldOf = async ({ sessionId }: SignedIn) =>
    (await pool.query<{ deviceId: string, newDevice: boolean }>("select data->>'deviceId' as \"deviceId\", (data->>'newDevice')::bool as \"newDevice\" from outbox where type = 'login.succeeded' and session_id = $1", [sessionId])).rows[0]!

  t.test('a sign-in makes the browser known: a cookie of its own that a log-out leaves', async t => {
    const { signIn } = await newUser()
    const first = await signIn(undefined, { 'user-agent': 'Browser/1' })
    t.match(first.response.headers['set-cookie']![1], /^device=[\w-]{43}; Max-Age=34560000; Path=\/; HttpOnly; SameSite=Strict$/)
    const stored = (await pool.query('select * from devices where id = $1', [await currentOf(first)])).rows[0]
    t.notOk(JSON.stringify(stored).includes(first.device!))
    t.ok((stored.secret_hash as Buffer).length === 32)
    t.notOk(api.logged.some(line => line.includes(first.device!)), 'nor in the log')
    t.same(await toldOf(first), { deviceId: stored.id, newDevice: true })

    const out = await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: `refreshToken=${first.refreshToken}; device=${first.device}` } })
    t.match(out.cookies, [{ name: 'refreshToken', value: '' }])
    t.equal(out.cookies.length, 1)

    const again = await signIn(first.device, { 'user-agent': 'Browser/2' })
    t.equal(again.device, first.device, 'kept, its life begins anew')
    t.same(await toldOf(again), { deviceId: stored.id, newDevice: false })
    t.match(await list(again), [{ id: stored.id, current: true, userAgent: 'Browser/2', ip: '127.0.0.1', createdAt: stored.created_at.toISOString() }])
    t.ok((await list(again))[0]!.lastUsedAt > stored.last_used_at.toISOString())
    t.match((await get(app, '/api/sessions', again.accessToken)).json().sessions, [{ id: again.sessionId, device: stored.id }])
  })

  t.test('a failed sign-in makes nothing known and says which known device it came from', async t => {
    const { credentials, signIn } = await newUser()
    const attempt = (cookie: string) => app.inject({ method: 'POST', url: '/api/login', payload: { ...credentials, password: 'wrong' }, headers: { cookie } })
    const refused = await attempt(`device=${'x'.repeat(43)}`)
    t.equal(refused.statusCode, 401)
    t.same(refused.cookies, [])
    const session = await signIn()
    t.equal((await list(session)).length, 1)
    await attempt(`device=${session.device}`)
    const { rows } = await pool.query("select data->>'deviceId' as device from outbox where type = 'login.failed' and user_id = $1 order by position", [session.userId])
    t.same(rows, [{ device: null }, { device: await currentOf(session) }])
  })

  t.test('a secret that somebody planted makes nobody known', async t => {
    const [attacker, victim] = [await newUser(), await newUser()]
    const planted = (await attacker.signIn()).device!
    const made = await victim.signIn(planted)
    t.match(made.device, new RegExp(`^${planted}\\.[\\w-]{43}$`), 'it stays beside a fresh one')
    t.equal((await toldOf(made)).newDevice, true)
    t.equal((await toldOf(await victim.signIn(planted))).newDevice, true)
    t.equal((await toldOf(await victim.signIn(made.device!.split('.')[1]))).newDevice, false)
    t.equal((await toldOf(await attacker.signIn(planted))).newDevice, false)
    for (const value of ['x'.repeat(43), 'short', 'ü', '', 'x'.repeat(4000), '%00', '.'.repeat(4000), `${planted} `.repeat(2).trim()]) {
      const session = await victim.signIn(value)
      t.match(session.device, /^([\w-]{43}\.)?[\w-]{43}$/)
      t.equal((await toldOf(session)).newDevice, true)
    }
    const twice = await login(app, victim.credentials, { cookie: `device=${made.device}; device=${planted}` })
    t.match(deviceCookieOf(twice.response), /^[\w-]{43}$/, 'sent twice: an unknown device, and no refusal')
  })

  t.test('a stolen cookie takes nothing from its owner', async t => {
    const [thief, victim] = [await newUser(), await newUser()]
    const { device } = await victim.signIn()
    const stolen = await thief.signIn(device)
    t.equal((await toldOf(await victim.signIn(device))).newDevice, false)
    t.equal((await list(stolen)).length, 1)
  })

  t.test('five users of one browser stay recognised, a sixth takes the place of the first', async t => {
    const people = await Promise.all(Array.from({ length: 6 }, newUser))
    let cookie: string | undefined
    for (const { signIn } of people.slice(0, 5)) cookie = (await signIn(cookie)).device
    for (const { signIn } of people.slice(0, 5)) {
      const session = await signIn(cookie)
      t.equal((await toldOf(session)).newDevice, false)
      t.equal(session.device, cookie)
    }
    const [first, second] = people
    const a = await first!.signIn(cookie)
    t.equal((await forget(a, (await toldOf(await second!.signIn(cookie))).deviceId)).statusCode, 404, 'nobody can touch another\'s')
    cookie = (await people[5]!.signIn(cookie)).device
    t.equal(cookie!.split('.').length, 5)
    t.equal((await toldOf(await first!.signIn(cookie))).newDevice, true)
    t.equal((await toldOf(await second!.signIn(cookie))).newDevice, false)
  })

  t.test('several at once from one browser: nobody fails', async t => {
    const { signIn } = await newUser()
    const cookie = (await signIn()).device!
    const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(cookie)))
    t.ok(answers.every(({ device }) => device === cookie))
    const fresh = await Promise.all(Array.from({ length: 8 }, () => signIn()))
    t.equal(new Set(fresh.map(({ device }) => device)).size, 8)
  })

  t.test('forgetting asks for a fresh password: an access token alone could take the owner\'s place away', async t => {
    const { credentials, signIn } = await newUser()
    const session = await signIn()
    const id = await currentOf(session)
    await pool.query("update sessions set authenticated_at = now() - interval '6 minutes' where id = $1", [session.sessionId])
    t.match((await forget(session, id)).json(), { status: 403, code: 'reauthentication_required' })
    t.equal((await list(session)).length, 1)
    await app.inject({ method: 'POST', url: '/api/reauthenticate', payload: { password: credentials.password }, headers: { authorization: `Bearer ${session.accessToken}` } })
    t.equal((await forget(session, id)).statusCode, 204)
    t.equal((await pool.query("select from outbox where type = 'device.forgotten' and user_id = $1 and data->>'deviceId' = $2", [session.userId, id])).rowCount, 1)
  })

  t.test('at most 50 a user; the one that was not used for longest goes, also in a burst', async t => {
    const { signIn } = await newUser()
    const first = await signIn()
    const { userId } = first
    await pool.query("update devices set last_used_at = now() - interval '1 hour' where user_id = $1", [userId])
    await pool.query(`insert into devices (user_id, secret_hash, last_used_at)
      select $1, sha256(uuid_send(gen_random_uuid())), now() - i * interval '1 second' from generate_series(1, 49) i`, [userId])
    await signIn(first.device)
    t.equal((await list(first)).length, 50)
    await Promise.all(Array.from({ length: 12 }, () => signIn()))
    const left = await list(first)
    t.equal(left.length, 50)
    t.ok(left.some(({ current }) => current), 'it was used again')
    t.equal(left.filter(({ userAgent }) => userAgent !== null).length, 13)
  })

  t.test('forgetting one ends its sessions, and only its', async t => {
    const { signIn } = await newUser()
    const here = await signIn()
    const there = await signIn()
    const thereToo = await signIn(there.device)
    const id = await currentOf(there)
    t.match((await forget(here, id)).statusCode, 204)
    for (const session of [there, thereToo]) {
      t.equal((await get(app, '/api/protected', session.accessToken)).statusCode, 401)
      t.equal((await refresh(app, session.refreshToken)).statusCode, 401)
    }
    t.equal((await get(app, '/api/protected', here.accessToken)).statusCode, 200)
    t.same((await pool.query('select distinct reason from revocations where user_id = $1', [here.userId])).rows, [{ reason: 'logout' }])
    t.equal((await forget(here, id)).statusCode, 404)
    for (const wrong of ['x', here.sessionId, id.toUpperCase(), `${id}%00`]) t.equal((await forget(here, wrong)).json().code, 'not_found')
    const back = await signIn(there.device)
    t.match(back.device, new RegExp(`^${there.device}\\.[\\w-]{43}$`))
    t.equal((await toldOf(back)).newDevice, true)
    t.equal((await forget(back, await currentOf(back))).statusCode, 204, 'the own one, too')
    t.equal((await get(app, '/api/protected', back.accessToken)).statusCode, 401)
    t.equal((await app.inject({ url: '/api/devices', headers: { cookie: `device=${here.device}; refreshToken=${here.refreshToken}` } })).statusCode, 401, 'no cookie reads the list')
  })

  t.test('forgotten while signing in: the session ends, or its device is a new one', async t => {
    const { signIn } = await newUser()
    const keeper = await signIn()
    for (let round = 0; round < 8; round++) {
      const { device, ...session } = await signIn()
      const id = await currentOf(session)
      const [during] = await Promise.all([signIn(device), forget(keeper, id)])
      const told = await toldOf(during)
      const alive = (await get(app, '/api/protected', during.accessToken)).statusCode === 200
      t.equal(alive, told.newDevice)
      t.equal(alive, told.deviceId !== id)
    }
  })

  t.test('a new password forgets them all', async t => {
    const { credentials, signIn } = await newUser()
    const before = await signIn()
    await changePassword(pool, resources.passwords, before.userId, credentials.password)
    t.equal((await pool.query('select from devices where user_id = $1', [before.userId])).rowCount, 0)
    t.equal((await toldOf(await signIn(before.device))).newDevice, true)
  })

  t.test('the first session of an account is written down once: forgetting devices and ending sessions does not undo it', async t => {
    const { signIn } = await newUser()
    const first = await signIn()
    const firstOf = async () => (await pool.query('select first_session_id as id from users where id = $1', [first.userId])).rows[0].id
    t.equal(await firstOf(), first.sessionId)
    const second = await signIn()
    t.equal((await forget(second, await currentOf(first))).statusCode, 204)
    await signIn()
    t.equal(await firstOf(), first.sessionId)
  })

  t.test('one that was not used for 400 days is unknown, also before the clean-up', async t => {
    const { signIn } = await newUser()
    const before = await signIn()
    const unusedFor = (days: number) => pool.query("update devices set last_used_at = now() - $2 * interval '1 day' where user_id = $1", [before.userId, days])
    await unusedFor(399)
    t.equal((await toldOf(await signIn(before.device))).newDevice, false)
    await unusedFor(401)
    t.equal((await toldOf(await signIn(before.device))).newDevice, true)
  })

  t.test('clean-up deletes those that were not used for 400 days, with their counts', async t => {
    const { signIn } = await newUser()
    const [old, young] = [await signIn(), await signIn()]
    const [oldId, youngId] = [await currentOf(old), await currentOf(young)]
    await pool.query("update devices set last_used_at = now() - interval '432 days' where id = $1", [oldId])
    await pool.query("update devices set last_used_at = now() - interval '399 days' where id = $1", [youngId])
    await pool.query('insert into guess_ceilings (user_id, device_id, failures) select $1, unnest($2::uuid[]), 1', [old.userId, [oldId, youngId]])
    t.match(await cleanUpOnce(pool, pino({ enabled: false }), 400 * 86_400_000), { devices: 1 })
    t.same((await pool.query('select device_id as id from guess_ceilings where user_id = $1', [old.userId])).rows, [{ id: youngId }])
    t.match((await get(app, '/api/sessions', old.accessToken)).json().sessions, [{ device: youngId }, { device: null }], 'its sessions stay')
  })
})

t.test('over https the cookie is __Host- and Secure, and the plain name is not read', async t => {
  const api = await startApi(t, { PUBLIC_URL: 'https://app.example.test', SEED_DEMO_USER: 'false', BCRYPT_COST: '10' })
  const credentials = await createOtherUser(api, 'ada')
  const signIn = async (cookie: string) => (await login(api.app, credentials, { cookie, origin: 'https://app.example.test' })).response
  const first = await signIn('')
  t.match(first.headers['set-cookie']![1], /^__Host-device=[\w-]{43}; Max-Age=34560000; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  const value = deviceCookieOf(first)!
  t.not(deviceCookieOf(await signIn(`device=${value}`)), value)
  t.equal(deviceCookieOf(await signIn(`__Host-device=${value}`)), value)
})
