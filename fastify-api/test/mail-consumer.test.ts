import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createMailConsumer, MAILS_PER_HOUR } from '../src/consumers/mail.js'
import { inTransaction } from '../src/db/queryable.js'
import { consume, createUser, eventOf, EVERYTHING_COUNTS, mailsOf, newDevice } from './fixtures/mails.js'

t.test('what becomes of an event', async t => {
  const { pool } = await createDatabase(t)

  t.test('each of four events becomes a mail of its own kind to the address the account has then', async t => {
    const userId = await createUser(pool, 'ada')
    await consume(pool, [
      newDevice(userId), eventOf('session.theft', userId, { sessionId: randomUUID(), ip: '203.0.113.8' }),
      eventOf('password.changed', userId, { by: 'user' }), eventOf('account.locked', userId, { deviceId: null, failures: 10 })
    ])
    await pool.query("update users set email = 'thief@example.test' where id = $1", [userId])
    const mails = await mailsOf(pool, `user_id = '${userId}'`)
    t.same(mails.map(({ template }) => template).sort(), ['account_locked', 'new_device', 'password_changed', 'session_theft'])
    const lockOnDevice = eventOf('account.locked', userId, { deviceId: randomUUID(), failures: 10 })
    await consume(pool, [lockOnDevice])
    const { rows } = await pool.query("select details->'knownDevice' as known, event_id = $1 as latter from mails where template = 'account_locked' order by known", [lockOnDevice.id])
    t.same(rows, [{ known: false, latter: false }, { known: true, latter: true }])
    t.same(new Set(mails.map(({ recipient, state }) => `${recipient} ${state}`)), new Set(['ada@example.test waiting']))
  })

  t.test('no mail: a known device, no address, nobody, the first sign-in of a new account', async t => {
    const userId = await createUser(pool, 'bob')
    const justMade = await createUser(pool, 'cyd', 'cyd@example.test', '10 minutes')
    const before = (await mailsOf(pool)).length
    const sessionId = randomUUID()
    await pool.query('update users set first_session_id = $2 where id = $1', [justMade, sessionId])
    await consume(pool, [newDevice(userId, { newDevice: false }), newDevice(await createUser(pool, 'without', null)), newDevice(randomUUID()), newDevice(justMade, { sessionId })])
    t.equal((await mailsOf(pool)).length, before)
    await consume(pool, [newDevice(justMade)])
    t.equal((await mailsOf(pool, `user_id = '${justMade}'`)).length, 1, 'the second sign-in is told, however new the account')
  })

  t.test('a disabled account is told as well', async t => {
    const userId = await createUser(pool, 'dis')
    await pool.query('update users set disabled_at = now() where id = $1', [userId])
    await consume(pool, [eventOf('password.changed', userId, { by: 'admin' })])
    t.equal((await mailsOf(pool, `user_id = '${userId}'`)).length, 1)
  })

  t.test('an event that comes again, in one batch, later or to twenty at once, is one mail', async t => {
    const userId = await createUser(pool, 'eve')
    const [one, two] = [newDevice(userId), newDevice(userId)]
    await consume(pool, [one, one])
    await Promise.all(Array.from({ length: 20 }, () => consume(pool, [two, one])))
    t.equal((await mailsOf(pool, `user_id = '${userId}'`)).length, 2)
  })

  t.test('a batch that is rolled back leaves nothing', async t => {
    const userId = await createUser(pool, 'rob')
    await t.rejects(inTransaction(pool, async db => {
      await createMailConsumer(EVERYTHING_COUNTS).handle(db, [newDevice(userId)])
      throw new Error('another part of the batch failed')
    }))
    t.equal((await mailsOf(pool, `user_id = '${userId}'`)).length, 0)
  })

  t.test(`a flood from many sides is ${MAILS_PER_HOUR} mails an hour; other kinds and other users get theirs`, async t => {
    const [userId, other] = [await createUser(pool, 'flo'), await createUser(pool, 'gus')]
    const counted: string[] = []
    const metrics = { ...EVERYTHING_COUNTS, counted: (template: string, result: string) => { counted.push(`${template} ${result}`) } }
    const batches = Array.from({ length: 12 }, () => [newDevice(userId), newDevice(other, { newDevice: false }), newDevice(userId), newDevice(userId)])
    await Promise.all(batches.map(batch => consume(pool, batch, metrics)))
    const statesOf = async (user: string) => (await mailsOf(pool, `user_id = '${user}'`)).map(({ state }) => state).sort()
    t.same(await statesOf(userId), [...Array(26).fill('suppressed'), ...Array(10).fill('waiting')])
    t.same(counted, Array(26).fill('new_device suppressed'))
    await consume(pool, batches[0]!)
    t.equal((await statesOf(userId)).length, 36, 'what was suppressed stays so')
    await consume(pool, [eventOf('password.changed', userId, { by: 'user' }), newDevice(other)])
    t.equal((await statesOf(userId)).filter(state => state === 'waiting').length, 11)
    t.same(await statesOf(other), ['waiting'])
    await pool.query("update mails set created_at = now() - interval '61 minutes' where user_id = $1", [userId])
    await consume(pool, [newDevice(userId)])
    t.equal((await statesOf(userId)).filter(state => state === 'waiting').length, 12)
  })
})
