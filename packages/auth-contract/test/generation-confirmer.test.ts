import { pino, type Logger } from 'pino'
import fc from 'fast-check'
import t from 'tap'
import { confirmGenerations } from '../src/confirm-generations.js'
import { GenerationConfirmer } from '../src/generation-confirmer.js'
import { createDatabase } from './fixtures/database.js'
import { until } from './fixtures/until.js'

type Batch = Array<[sessionId: string, generation: number]>

function createConfirmer (fails: () => boolean = () => false): { confirmer: GenerationConfirmer, batches: Batch[], logged: string[] } {
  const batches: Batch[] = []
  const logged: string[] = []
  const log: Logger = pino({}, { write: line => { logged.push(line) } })
  const confirmer = new GenerationConfirmer({
    log,
    async confirm (sessionIds, generations) {
      if (fails()) throw new Error('out of reach')
      batches.push(sessionIds.map((id, index) => [id, generations[index]!]))
    }
  })
  return { confirmer, batches, logged }
}

t.test('many access tokens make one batch of the highest generations', async t => {
  const { confirmer, batches } = createConfirmer()
  for (const [session, generation] of [['a', 1], ['b', 3], ['a', 2], ['b', 1], ['a', 2]] as const) confirmer.observe(session, generation)
  await confirmer.flush()
  t.strictSame(batches, [[['a', 2], ['b', 3]]])
  await confirmer.flush()
  t.equal(batches.length, 1, 'nothing new, nothing written')
})

t.test('generation 0 has no predecessor to confirm', async t => {
  const { confirmer, batches } = createConfirmer()
  confirmer.observe('a', 0)
  await confirmer.close()
  t.strictSame(batches, [])
})

t.test('what was written is not written again, a newer one is', async t => {
  const { confirmer, batches } = createConfirmer()
  for (const generation of [2, 2, 1, 3]) {
    confirmer.observe('a', generation)
    await confirmer.flush()
  }
  t.strictSame(batches, [[['a', 2]], [['a', 3]]])
})

t.test('it writes by itself', async t => {
  const { confirmer, batches } = createConfirmer()
  confirmer.observe('a', 1)
  await until(() => batches.length === 1)
  confirmer.observe('a', 2)
  await until(() => batches.length === 2)
  t.strictSame(batches, [[['a', 1]], [['a', 2]]])
})

t.test('close() writes what is left', async t => {
  const { confirmer, batches } = createConfirmer()
  confirmer.observe('a', 1)
  await confirmer.close()
  t.strictSame(batches, [[['a', 1]]])
})

t.test('a batch that failed is logged without its ids; the next access token tries again', async t => {
  let down = true
  const { confirmer, batches, logged } = createConfirmer(() => down)
  confirmer.observe('a session', 4)
  await confirmer.flush()
  t.strictSame(batches, [])
  t.match(logged, [/could not confirm refresh generations/])
  t.notMatch(logged[0], /a session/)
  down = false
  confirmer.observe('a session', 4)
  await confirmer.flush()
  t.strictSame(batches, [[['a session', 4]]])
})

t.test('an older token behind a failure takes nothing back', async t => {
  const calls: Array<{ generations: number[], reject: (err: Error) => void }> = []
  const confirmer = new GenerationConfirmer({
    log: pino({ level: 'silent' }),
    confirm: (_ids, generations) => new Promise((resolve, reject) => {
      calls.push({ generations, reject })
      if (calls.length > 1) resolve()
    })
  })
  confirmer.observe('a', 5)
  const first = confirmer.flush()
  confirmer.observe('a', 6)
  calls[0]!.reject(new Error('out of reach'))
  await first
  confirmer.observe('a', 5)
  await confirmer.close()
  t.strictSame(calls.map(({ generations }) => generations), [[5], [6]])
})

t.test('in any order of tokens, failures and writes a session is never confirmed backwards within a batch', async () => {
  const step = fc.oneof(
    fc.record({ session: fc.constantFrom('a', 'b', 'c'), generation: fc.integer({ min: 0, max: 9 }) }),
    fc.constantFrom('flush' as const, 'failing flush' as const)
  )
  await fc.assert(fc.asyncProperty(fc.array(step), async steps => {
    let down = false
    const { confirmer, batches } = createConfirmer(() => down)
    const highest = new Map<string, number>()
    for (const action of steps) {
      if (typeof action === 'object') {
        confirmer.observe(action.session, action.generation)
        highest.set(action.session, Math.max(action.generation, highest.get(action.session) ?? 0))
        continue
      }
      down = action === 'failing flush'
      await confirmer.flush()
      if (down) highest.clear()                     // a lost batch may be forgotten
      down = false
    }
    await confirmer.close()
    return [...highest].every(([session, generation]) => generation === 0 || batches.flat().some(([id, confirmed]) => id === session && confirmed >= generation))
  }))
})

t.test('the database takes it from there', async t => {
  const { pool } = await createDatabase(t)
  const { rows: [user] } = await pool.query("insert into users (username, password_hash, password_pepper_version) values ('confirmed', 'x', 1) returning id")
  const { rows: [session] } = await pool.query(
    "insert into sessions (user_id, secret_hash, generation, amr, expires_at, idle_expires_at) values ($1, $2, 5, '{pwd}', now() + interval '1 day', now() + interval '1 day') returning id",
    [user.id, Buffer.alloc(32)])
  const confirmed = async () => (await pool.query('select confirmed_generation as n from sessions where id = $1', [session.id])).rows[0].n
  await confirmGenerations(pool, [session.id, session.id], [2, 3])
  t.equal(await confirmed(), 3)
  await confirmGenerations(pool, [session.id], [1])
  t.equal(await confirmed(), 3, 'never backwards')
  await confirmGenerations(pool, [session.id], [6])
  t.equal(await confirmed(), 3, 'never ahead of what was issued')
  await confirmGenerations(pool, ['00000000-0000-4000-8000-000000000000'], [1])
})
