import fc from 'fast-check'
import t from 'tap'
import { DeadlineWheel, NOT_DUE, type Deadline } from '../src/deadline-wheel.js'

const START = 1_800_000_000_000
const TICK_MS = 1000

function createWheel () {
  const clock = { now: START }
  return { clock, wheel: new DeadlineWheel(() => clock.now) }
}

function createDeadline (onDeadline: () => void): Deadline {
  return { dueTick: NOT_DUE, onDeadline }
}

t.test('calls once, never early, at most a tick late', async t => {
  const { clock, wheel } = createWheel()
  const calls: number[] = []
  wheel.schedule(createDeadline(() => calls.push(clock.now)), START + 2500)
  for (let tick = 1; tick <= 10; tick++) {
    clock.now = START + tick * TICK_MS
    wheel.advance()
    wheel.advance()
  }
  t.strictSame(calls, [START + 3000])
})

t.test('what is due already comes with the next tick', async t => {
  const { clock, wheel } = createWheel()
  let calls = 0
  wheel.schedule(createDeadline(() => { calls += 1 }), START - 3_600_000)
  wheel.advance()
  t.equal(calls, 0)
  clock.now += TICK_MS
  wheel.advance()
  t.equal(calls, 1)
})

t.test('a new wish replaces the old one, and can be taken back', async t => {
  const { clock, wheel } = createWheel()
  const calls: string[] = []
  const moved = createDeadline(() => calls.push('moved'))
  const cancelled = createDeadline(() => calls.push('cancelled'))
  wheel.schedule(moved, START + 1000)
  wheel.schedule(cancelled, START + 1000)
  wheel.schedule(moved, START + 3000)
  wheel.cancel(cancelled)
  wheel.cancel(cancelled)
  t.equal(cancelled.dueTick, NOT_DUE)
  clock.now += 2000
  wheel.advance()
  t.strictSame(calls, [])
  clock.now += 1000
  wheel.advance()
  t.strictSame(calls, ['moved'])
  t.equal(moved.dueTick, NOT_DUE)
})

t.test('a deadline may schedule itself, and cancel its neighbours', async t => {
  const { clock, wheel } = createWheel()
  const calls: string[] = []
  const neighbour = createDeadline(() => calls.push('neighbour'))
  const repeating: Deadline = createDeadline(() => {
    calls.push('repeating')
    wheel.cancel(neighbour)
    wheel.schedule(repeating, clock.now)
  })
  wheel.schedule(repeating, START + 1000)
  wheel.schedule(neighbour, START + 1000)
  for (let tick = 0; tick < 3; tick++) {
    clock.now += TICK_MS
    wheel.advance()
  }
  t.strictSame(calls, ['repeating', 'repeating', 'repeating'])
})

t.test('a clock that is set back loses nothing', async t => {
  const { clock, wheel } = createWheel()
  let calls = 0
  wheel.schedule(createDeadline(() => { calls += 1 }), START + 5000)
  clock.now -= 3_600_000
  wheel.advance()
  t.equal(calls, 0)
  clock.now = START + 5000
  wheel.advance()
  t.equal(calls, 1)
})

t.test('a clock that is set far ahead makes everything due, in order, without walking each second', async t => {
  const { clock, wheel } = createWheel()
  const calls: number[] = []
  for (const seconds of [30, 10, 20]) wheel.schedule(createDeadline(() => calls.push(seconds)), START + seconds * 1000)
  clock.now += 1e15
  wheel.advance()
  t.strictSame(calls, [10, 20, 30])
})

t.test('its timer drives it', async t => {
  const wheel = new DeadlineWheel(Date.now)
  const due = Date.now() + 500
  const called = new Promise<number>(resolve => wheel.schedule(createDeadline(() => resolve(Date.now())), due))
  wheel.start()
  t.ok(await called >= due)
  wheel.stop()
})

t.test('whatever happens, each wish is met once, not early and at most a tick late', async () => {
  const step = fc.record({ deadline: fc.nat(4), inMs: fc.integer({ min: -2000, max: 20_000 }), cancels: fc.boolean(), passes: fc.integer({ min: 0, max: 6000 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const { clock, wheel } = createWheel()
    const wishes = new Map<Deadline, number>()
    const deadlines: Deadline[] = Array.from({ length: 5 }, () => {
      const deadline: Deadline = createDeadline(() => {
        const at = wishes.get(deadline)
        if (at === undefined) throw new Error('called without a wish')
        if (clock.now < at) throw new Error('called early')
        wishes.delete(deadline)
      })
      return deadline
    })
    for (const { deadline: index, inMs, cancels, passes } of steps) {
      const deadline = deadlines[index]!
      if (cancels) {
        wheel.cancel(deadline)
        wishes.delete(deadline)
      } else {
        wheel.schedule(deadline, clock.now + inMs)
        wishes.set(deadline, clock.now + inMs)
      }
      clock.now += passes
      wheel.advance()
      for (const at of wishes.values()) if (at <= clock.now - TICK_MS && passes >= TICK_MS) throw new Error('called late')
    }
  }))
})
