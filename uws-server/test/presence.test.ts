import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { touchPresence } from '../src/db/touch-presence.js'
import { Presence } from '../src/presence.js'

type Call = [processId: string, opened: string[], closed: string[]]

/** A process whose database is this test: `answer` stands for the SQL function. */
function startAlone (answer: (call: Call, calls: Call[]) => boolean | Promise<boolean> = (_call, calls) => calls.length > 1) {
  const calls: Call[] = []
  const logged: string[] = []
  const presence = new Presence({
    log: pino({}, { write: line => { logged.push(line) } }),
    async touch (...call) {
      calls.push(call)
      return await answer(call, calls)
    }
  })
  /** What each call said, without the process. */
  const said = () => calls.map(([, opened, closed]) => ({ opened, closed }))
  return { presence, calls, said, logged }
}

/** Processes on one database, each as the ws role. */
async function startTogether (t: Test) {
  const { connectionString, pool } = await createDatabase(t)
  const startProcess = () => {
    const wsPool = new pg.Pool({ connectionString: `${connectionString}?options=${encodeURIComponent('-c role=ws')}`, max: 1 })
    wsPool.on('error', () => {})
    t.teardown(() => wsPool.end())
    const logged: string[] = []
    const presence = new Presence({ touch: (...call) => touchPresence(wsPool, ...call), log: pino({}, { write: line => { logged.push(line) } }) })
    return { presence, logged }
  }
  /** On how many living processes each session is. */
  const online = async (): Promise<Record<string, number>> => Object.fromEntries((await pool.query(`
    select session_id as id, count(*)::int as processes from socket_presence join socket_processes using (process_id)
     where seen_at > now() - interval '30 seconds' group by session_id`)).rows.map(({ id, processes }) => [id, processes]))
  return { pool, startProcess, online }
}

t.test('the first socket of a session and the last one are told, the others are not', async t => {
  const { presence, said } = startAlone()
  presence.opened('a')
  presence.opened('a')
  presence.opened('b')
  await presence.flush()
  presence.closed('a')
  presence.opened('b')
  await presence.flush()
  presence.closed('a')
  presence.closed('b')
  await presence.flush()
  presence.closed('never opened')
  await presence.flush()
  t.strictSame(said(), [{ opened: ['a', 'b'], closed: [] }, { opened: [], closed: [] }, { opened: [], closed: ['a'] }, { opened: [], closed: [] }])
})

t.test('what changes while it is being told is told the next time', async t => {
  let release!: () => void
  const { presence, said } = startAlone(() => new Promise(resolve => { release = () => resolve(true) }))
  presence.opened('a')
  const first = presence.flush()
  await until(() => release !== undefined)
  presence.closed('a')
  presence.opened('b')
  const second = presence.flush()
  release()
  await first
  await until(() => said().length === 2)
  release()
  await second
  t.strictSame(said(), [{ opened: ['a'], closed: [] }, { opened: ['b'], closed: ['a'] }])
})

t.test('a change that could not be told is told later, as it is then; the failure is logged once, without ids', async t => {
  let down = true
  const { presence, said, logged } = startAlone(() => {
    if (down) throw new Error('out of reach')
    return true
  })
  presence.opened('session-a')
  presence.opened('session-b')
  await presence.flush()
  presence.closed('session-a')
  presence.opened('session-c')
  await presence.flush()
  down = false
  await presence.flush()
  await presence.flush()
  t.strictSame(said().slice(2), [{ opened: ['session-b', 'session-c'], closed: ['session-a'] }, { opened: [], closed: [] }])
  t.same(logged.map(line => JSON.parse(line).level), [40, 30])
  t.notMatch(logged.join(), /session-/)
})

t.test('many go in batches, and a batch that fails takes none of the others with it', async t => {
  let failing = 2
  const { presence, calls } = startAlone((_call, calls) => {
    if (calls.length === failing) throw new Error('out of reach')
    return true
  })
  const all = Array.from({ length: 12_000 }, (_, index) => `session-${index}`)
  for (const id of all) presence.opened(id)
  await presence.flush()
  t.same(calls.map(([, opened]) => opened.length), [5000, 5000])
  failing = 0
  await presence.flush()
  t.same(calls.slice(2).map(([, opened]) => opened.length), [5000, 2000])
  t.same(new Set([0, 2, 3].flatMap(index => calls[index]![1])), new Set(all))
})

t.test('a process that was forgotten sends everything again, under a new id', async t => {
  const known = new Set<string>()
  const { presence, calls, logged } = startAlone(([id]) => {
    const wasKnown = known.has(id)
    known.add(id)
    return wasKnown
  })
  presence.opened('a')
  presence.opened('b')
  await presence.flush()
  t.same(logged, [], 'the first call is answered as unknown and means nothing')
  presence.closed('b')
  presence.opened('c')
  await presence.flush()
  known.clear()
  presence.opened('d')
  await presence.flush()
  await presence.flush()
  await presence.flush()
  t.strictSame(calls.slice(2).map(([, opened, closed]) => ({ opened, closed })), [
    { opened: ['d'], closed: [] }, { opened: ['a', 'c', 'd'], closed: [] }, { opened: [], closed: [] }
  ])
  const ids = calls.map(([id]) => id)
  t.same(new Set(ids).size, 2)
  t.same(ids.slice(0, 3), [ids[0], ids[0], ids[0]])
  t.same(logged.length, 1)
})

t.test('it writes by itself, and takes everything back when it closes', async t => {
  const { presence, said } = startAlone()
  presence.start()
  presence.opened('a')
  await until(() => said().length === 1)
  presence.opened('a')
  presence.opened('b')
  await presence.close()
  t.same(said(), [{ opened: ['a'], closed: [] }, { opened: [], closed: ['b', 'a'] }])
})

t.test('two processes: a session is online while it has a socket on one of them', async t => {
  const { pool, startProcess, online } = await startTogether(t)
  const [one, two] = [startProcess(), startProcess()]
  const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()] as [string, string, string]
  one.presence.opened(a)
  one.presence.opened(b)
  two.presence.opened(a)
  two.presence.opened(c)
  await Promise.all([one.presence.flush(), two.presence.flush()])
  t.same(await online(), { [a]: 2, [b]: 1, [c]: 1 })
  one.presence.closed(a)
  one.presence.closed(b)
  await one.presence.flush()
  t.same(await online(), { [a]: 1, [c]: 1 })
  await two.presence.close()
  t.same(await online(), {})

  one.presence.opened(b)
  await one.presence.flush()
  await pool.query("update socket_processes set seen_at = seen_at - interval '31 seconds'")
  t.same(await online(), {}, 'a process that is silent counts as dead')
  await one.presence.flush()
  t.same(await online(), { [b]: 1 }, 'its next heartbeat brings its sessions back')
  t.same([...one.logged, ...two.logged], [])
})

t.test('after a crash of the database, which empties the tables, every process is back by itself', async t => {
  const { pool, startProcess, online } = await startTogether(t)
  const processes = [startProcess(), startProcess()]
  const sessions = processes.map(() => Array.from({ length: 6000 }, () => randomUUID()))
  const flushAll = () => Promise.all(processes.map(({ presence }) => presence.flush()))
  for (const [index, { presence }] of processes.entries()) for (const id of sessions[index]!) presence.opened(id)
  await flushAll()
  const everything = Object.fromEntries(sessions.flat().map(id => [id, 1]))
  t.same(await online(), everything)
  await pool.query('truncate socket_processes, socket_presence')
  await flushAll()
  await flushAll()
  t.same(await online(), everything)
  t.ok(processes.every(({ logged }) => logged.length === 1))
})

t.test('calls of many processes at once, and of one process repeated, never deadlock and never double', async t => {
  const { pool, startProcess, online } = await startTogether(t)
  const shared = Array.from({ length: 300 }, () => randomUUID())
  const processes = Array.from({ length: 8 }, () => startProcess())
  for (let round = 0; round < 10; round++) {
    for (const [index, { presence }] of processes.entries()) {
      for (const id of index % 2 === 0 ? shared : shared.toReversed()) if (round % 2 === 0) presence.opened(id); else presence.closed(id)
    }
    await Promise.all(processes.flatMap(({ presence }) => [presence.flush(), presence.flush()]))
    t.same(await online(), round % 2 === 0 ? Object.fromEntries(shared.map(id => [id, 8])) : {})
  }
  t.ok(processes.every(({ logged }) => logged.length === 0))

  const id = randomUUID()
  const answers = await Promise.all(Array.from({ length: 10 }, () => touchPresence(pool, id, shared, [])))
  t.ok(answers.includes(false))
  t.same(await online(), Object.fromEntries(shared.map(id => [id, 1])))
  t.equal(await touchPresence(pool, id, shared.slice(0, 1), shared), true)
  t.same(await online(), { [shared[0]!]: 1 }, 'an id in both lists ends as opened')
})
