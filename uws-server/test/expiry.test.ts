import fc from 'fast-check'
import t from 'tap'
import { authorityEndsAt, graceEndsAt, warningAt } from '../src/expiry.js'

const ISSUED_AT = 1_800_000_000
const lifeOf = (seconds: number) => ({ issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + seconds })
const warnAt = (seconds: number, random = 0) => warningAt(lifeOf(seconds), ISSUED_AT * 1000, random)

t.test('the warning comes 15 % of the life before its end, within 30 s and 120 s', async t => {
  const leads: Array<[seconds: number, lead: number]> = [[3600, 120], [900, 120], [800, 120], [600, 90], [400, 60], [200, 30], [120, 30], [60, 30]]
  for (const [seconds, lead] of leads) t.equal(warnAt(seconds), (ISSUED_AT + seconds - lead) * 1000, `${seconds} s`)
})

t.test('a short life is warned about half-way, and has half of it as grace', async t => {
  for (const seconds of [50, 30, 20, 10, 6]) t.equal(warnAt(seconds), (ISSUED_AT + seconds / 2) * 1000, `${seconds} s`)
  const graces: Array<[seconds: number, grace: number]> = [[900, 10], [30, 10], [20, 10], [18, 9], [10, 5], [5, 2.5], [1, 0.5]]
  for (const [seconds, grace] of graces) t.equal(graceEndsAt(lifeOf(seconds)), (ISSUED_AT + seconds + grace) * 1000, `${seconds} s`)
})

t.test('jitter moves the warning forward by up to a tenth, proportionally', async t => {
  t.equal(warnAt(900, 1), (ISSUED_AT + 900 - 132) * 1000)
  t.equal(warnAt(900, 0.5), (ISSUED_AT + 900 - 126) * 1000)
  t.equal(warnAt(20, 1), (ISSUED_AT + 20 - 11) * 1000)
})

t.test('no warning when it would come too late', async t => {
  const end = (ISSUED_AT + 900) * 1000
  t.ok(warningAt(lifeOf(900), end - 5500, 0))
  for (const now of [end - 5499, end, end + 1]) t.equal(warningAt(lifeOf(900), now, 0), undefined)
})

t.test('whatever the life: warning, expiry, close, in this order', async () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3600 }), fc.nat(3600), fc.double({ min: 0, max: 1, noNaN: true }), (seconds, age, random) => {
    const life = lifeOf(seconds)
    const [warning, end, close] = [warningAt(life, (ISSUED_AT + Math.min(age, seconds)) * 1000, random), authorityEndsAt(life), graceEndsAt(life)]
    const isInOrder = (warning ?? -Infinity) < end && end < close && close <= end + 10_000
    return isInOrder && end === (ISSUED_AT + seconds) * 1000 && (warning === undefined || warning > ISSUED_AT * 1000)
  }))
})
