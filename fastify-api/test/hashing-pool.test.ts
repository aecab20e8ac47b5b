import { setTimeout as sleep } from 'node:timers/promises'
import { AuthError, createMeter } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { HashTask } from '../src/auth/hash-task.js'
import { createThreadWorkers, type HashWorker } from '../src/auth/hash-worker.js'
import { HashProcessWorker } from '../src/auth/hash-process-worker.js'
import { startHashWorkers } from '../src/auth/hash-workers.js'
import { HashingPool } from '../src/auth/hashing-pool.js'

const LOG = pino({ enabled: false })
const bcrypt = (bcryptCost: number): HashTask & { kind: 'hash' } => ({ kind: 'hash', algorithm: 'bcrypt', bcryptCost, input: 'input' })

const found = await startHashWorkers(LOG)
const hasProcesses = found.every(worker => worker instanceof HashProcessWorker)
await Promise.all(found.map(worker => worker.close()))
const withoutProcesses = hasProcesses || process.env['CI'] === 'true' ? false : 'no chrt here'

async function createPool (t: Test, workers: HashWorker[], maxWaitMs = 1500): Promise<HashingPool> {
  const pool = new HashingPool({ workers, maxWaitMs, meter: await createMeter(undefined) })
  t.teardown(() => pool.close())
  return pool
}

/** Later than a task in the queue gives up. */
const HUNG_AFTER_MS = 6000
const startProcesses = (count: number) => Promise.all(Array.from({ length: count }, () => HashProcessWorker.start(LOG, HUNG_AFTER_MS)))

for (const [kind, skip, start] of [
  ['threads', false, async (count: number) => createThreadWorkers(count)],
  ['processes', withoutProcesses, startProcesses]
] as const) {
  t.test(`hashing in ${kind}`, { skip }, async t => {
    t.test('makes and verifies both kinds of hash; one that cannot be read harms no other', async t => {
      const pool = await createPool(t, await start(2))
      for (const task of [bcrypt(4), { ...bcrypt(4), algorithm: 'argon2id' as const }]) {
        const stored = await pool.reserve().run(task)
        t.match(stored, task.algorithm === 'bcrypt' ? /^\$2b\$04\$/ : /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
        t.equal(await pool.reserve().run({ kind: 'verify', input: 'input', stored }), true)
        t.equal(await pool.reserve().run({ kind: 'verify', input: 'other', stored }), false)
      }
      await t.rejects(pool.reserve().run({ kind: 'verify', input: 'input', stored: '$argon2id$broken' }))
      t.match(await pool.reserve().run(bcrypt(4)), /^\$2b/)
    })

    t.test('first come, first served', async t => {
      const pool = await createPool(t, await start(1))
      const finished: number[] = []
      await Promise.all([8, 4, 7, 4, 6].map(async (cost, index) => {
        await pool.reserve().run(bcrypt(cost))
        finished.push(index)
      }))
      t.same(finished, [0, 1, 2, 3, 4])
    })

    t.test('a full queue refuses at once; what was given is served; a place given back is free again', async t => {
      const pool = await createPool(t, await start(2), 1000)
      await pool.reserve().run(bcrypt(11))                // tells the pool how long one takes
      const places: Array<ReturnType<HashingPool['reserve']>> = []
      const fill = () => {
        try {
          for (;;) places.push(pool.reserve())
        } catch (err) {
          return err as AuthError
        }
      }
      t.match(fill(), { code: 'overloaded', retryAfter: 1 })
      const capacity = places.length
      t.ok(capacity >= 2 && capacity < 1000, `${capacity} places`)
      const given = places.pop()!
      given.release()
      given.release()
      t.match(fill(), { code: 'overloaded' })
      t.equal(places.length, capacity, 'one place, though it was given back twice')
      await Promise.all(places.map(async place => {
        t.match(await place.run(bcrypt(4)), /^\$2b/)
        t.match(await place.run(bcrypt(4)), /^\$2b/, 'a second hash in the same place is not refused')
        place.release()
      }))
      t.match(await pool.reserve().run(bcrypt(4)), /^\$2b/)
    })

    t.test('the estimate follows what hashes cost now', async t => {
      const pool = await createPool(t, await start(1), 200)
      const capacity = () => {
        const places: Array<ReturnType<HashingPool['reserve']>> = []
        try {
          while (places.length < 10_000) places.push(pool.reserve())
        } catch {}
        for (const place of places) place.release()
        return places.length
      }
      const costing = async (cost: number) => {
        for (let n = 0; n < 15; n++) await pool.reserve().run(bcrypt(cost))
        return capacity()
      }
      const cheap = await costing(4)
      const dear = await costing(10)
      t.ok(dear < cheap, `${cheap} places at cost 4, ${dear} at cost 10`)
      t.ok(await costing(4) > dear)
    })
  })
}

t.test('hash processes', { skip: withoutProcesses }, async t => {
  t.test('killed: the hash fails at once as unavailable, those that wait are served, and the process comes back', async t => {
    const [worker] = await startProcesses(1)
    const pool = await createPool(t, [worker!])
    await pool.reserve().run(bcrypt(4))
    const { pid } = worker!
    const [cut, next] = [pool.reserve().run(bcrypt(15)), pool.reserve().run(bcrypt(4))]
    process.kill(pid!, 'SIGKILL')
    await t.rejects(cut, { code: 'temporarily_unavailable', retryAfter: 1 })
    t.throws(() => pool.reserve(), { code: 'overloaded' }, 'nobody waits for a process that is away')
    t.match(await next, /^\$2b/)
    t.not(worker!.pid, pid)
  })

  t.test('hung: nothing else waits for it, it is replaced, and its hash fails', async t => {
    const workers = await startProcesses(2)
    const pool = await createPool(t, workers)
    const { pid } = workers[0]!
    process.kill(pid!, 'SIGSTOP')
    const hung = pool.reserve().run(bcrypt(4))            // the first that is free takes it
    let finished = false
    const failed = t.rejects(hung.finally(() => { finished = true }), { code: 'temporarily_unavailable' })
    for (let n = 0; n < 20; n++) t.match(await pool.reserve().run(bcrypt(4)), /^\$2b/)
    t.notOk(finished)
    await failed
    t.throws(() => process.kill(pid!, 0), { code: 'ESRCH' })
    while (!workers[0]!.isReady) await sleep(20)
    t.match(await Promise.all([0, 1].map(() => pool.reserve().run(bcrypt(4)))), [/^\$2b/, /^\$2b/])
  })

  t.test('all of them stopped: nothing hangs, and they come back', async t => {
    const workers = await startProcesses(2)
    const pool = await createPool(t, workers)
    for (const { pid } of workers) process.kill(pid!, 'SIGSTOP')
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => pool.reserve().run(bcrypt(4))))
    t.same(results.map(result => result.status === 'rejected' && result.reason.code).sort(), ['overloaded', 'overloaded', 'temporarily_unavailable', 'temporarily_unavailable'])
    while (!workers.every(worker => worker.isReady)) await sleep(20)
    t.match(await pool.reserve().run(bcrypt(4)), /^\$2b/)
  })

  t.test('closing ends them, busy, stopped or just being started again', async t => {
    const workers = await startProcesses(3)
    const pool = await createPool(t, workers)
    const pids = workers.map(worker => worker.pid!)
    const busy = t.rejects(pool.reserve().run(bcrypt(15)), { code: 'temporarily_unavailable' })
    process.kill(pids[1]!, 'SIGSTOP')
    process.kill(pids[2]!, 'SIGKILL')
    const waiting = [1, 2, 3].map(() => t.rejects(pool.reserve().run(bcrypt(4)), { code: 'temporarily_unavailable' }))
    await pool.close()
    await Promise.all([busy, ...waiting])
    for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
})
