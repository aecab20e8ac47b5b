import t from 'tap'
import { Sources, type SourceLimits } from '../src/sources.js'

const NOW = 1_800_000_000_000
const LIMITS: SourceLimits = { sockets: 2, connects: { perSecond: 20, burst: 3 }, failures: { perSecond: 10 / 60, burst: 10 } }

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

t.test('ten failed authentications, then one in six seconds; successes cost nothing', async t => {
  const source = new Sources(LIMITS).at('a', NOW)
  for (let failure = 0; failure < 10; failure++) {
    t.ok(source.mayAuthenticate(NOW))
    source.noteFailure(NOW)
  }
  t.notOk(source.mayAuthenticate(NOW))
  t.notOk(source.mayAuthenticate(NOW + 5999))
  for (let attempt = 0; attempt < 20; attempt++) t.ok(source.mayAuthenticate(NOW + 6001))
  source.noteFailure(NOW + 6001)
  t.notOk(source.mayAuthenticate(NOW + 6001))
})

t.test('many addresses are not all remembered', async t => {
  const sources = new Sources(LIMITS)
  const first = sources.at('first', NOW)
  for (let n = 0; n < 50_000; n++) sources.at(String(n), NOW)
  t.not(sources.at('first', NOW), first)
})
