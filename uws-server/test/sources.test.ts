import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Sources, type SourceLimits } from '../src/sources.js'

const NOW = 1_800_000_000_000
const LIMITS: SourceLimits = { sockets: 2, connects: { perSecond: 20, burst: 3 }, failures: { perSecond: 10 / 60, burst: 10 }, closeCodes: { perSecond: 2, burst: 3 } }

t.test('one address is one source, another is another', async t => {
  const sources = new Sources(LIMITS)
  t.equal(sources.at('a', NOW), sources.at('a', NOW))
  t.not(sources.at('a', NOW), sources.at('b', NOW))
})

t.test('new sockets: a burst, then the rate', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  t.strictSame([0, 0, 0, 0, 49, 50, 50].map(after => source.takeConnect(NOW + after)), [true, true, true, false, false, true, false])
})

t.test('open sockets', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  source.socketOpened()
  t.ok(source.hasRoom())
  source.socketOpened()
  t.notOk(source.hasRoom())
  source.socketClosed()
  t.ok(source.hasRoom())
})

const refused = async () => ({ kind: 'refused' })
const verified = async () => ({ kind: 'verified' })

t.test('ten failed authentications, then one in six seconds; successes cost nothing', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  const attempt = (after: number, verify = refused) => source.attempt(() => NOW + after, verify)
  for (let failure = 0; failure < 10; failure++) t.ok(await attempt(0))
  t.equal(await attempt(0), undefined)
  t.equal(await attempt(5999, verified), undefined)
  for (let success = 0; success < 20; success++) t.ok(await attempt(6001, verified))
  t.ok(await attempt(6001))
  t.equal(await attempt(6001), undefined)
})

t.test('two hundred guesses at once: ten are looked at', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  let verifications = 0
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => source.attempt(() => NOW, async () => {
    verifications += 1
    await setImmediate()
    return { kind: 'refused' }
  })))
  t.equal(verifications, 10)
  t.equal(outcomes.filter(outcome => outcome === undefined).length, 190)
})

t.test('two hundred good credentials at once: all are looked at, ten at a time', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  let [atOnce, most] = [0, 0]
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => source.attempt(() => NOW, async () => {
    most = Math.max(most, ++atOnce)
    await setImmediate()
    atOnce -= 1
    return { kind: 'verified' }
  })))
  t.ok(outcomes.every(outcome => outcome?.kind === 'verified'))
  t.equal(most, 10)
})

t.test('refusals by close code: a burst, then the rate', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  t.strictSame([0, 0, 0, 0, 500, 500].map(after => source.takeCloseCode(NOW + after)), [true, true, true, false, true, false])
})

t.test('many addresses are not all remembered', async t => {
  const sources = new Sources(LIMITS)
  const first = sources.at('first', NOW)
  for (let n = 0; n < 50_000; n++) sources.at(String(n), NOW)
  t.not(sources.at('first', NOW), first)
})
