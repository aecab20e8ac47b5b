import t from 'tap'
import { MessageLimiter } from '../src/message-limiter.js'
import { TokenBucket } from '../src/token-bucket.js'

const NOW = 1_800_000_000_000

function createLimiter (): MessageLimiter {
  return new MessageLimiter({ maxMessageBytes: 1024, messages: { perSecond: 10, burst: 3 }, reauths: { perSecond: 0.2, burst: 2 } }, NOW)
}

t.test('a burst, then the rate', async t => {
  const limiter = createLimiter()
  const takeAt = (milliseconds: number) => limiter.takeMessage(NOW + milliseconds)
  t.strictSame([takeAt(0), takeAt(0), takeAt(0), takeAt(0)], ['accept', 'accept', 'accept', 'refuse'])
  t.strictSame([takeAt(99), takeAt(100), takeAt(100)], ['refuse', 'accept', 'refuse'])
  t.strictSame([takeAt(10_000), takeAt(10_000), takeAt(10_000), takeAt(10_000)], ['accept', 'accept', 'accept', 'refuse'], 'no more than the burst is saved up')
})

t.test('three seconds of excess close, a pause of more than one ends it', async t => {
  const flood = (limiter: MessageLimiter, at: number) => Array.from({ length: 150 }, () => limiter.takeMessage(NOW + at)).at(-1)
  const steady = createLimiter()
  t.strictSame([0, 1000, 2000, 2999, 3000].map(at => flood(steady, at)), ['refuse', 'drop', 'drop', 'drop', 'close'])
  const paused = createLimiter()
  t.strictSame([0, 1000, 2001, 3000, 4000, 5000, 5001].map(at => flood(paused, at)), ['refuse', 'drop', 'refuse', 'drop', 'drop', 'drop', 'close'])
})

t.test('of a flood the first are answered, and a thousand close without waiting for three seconds', async t => {
  const limiter = createLimiter()
  const verdicts = Array.from({ length: 1003 }, () => limiter.takeMessage(NOW))
  t.strictSame(verdicts, [...Array(3).fill('accept'), ...Array(200).fill('refuse'), ...Array(799).fill('drop'), 'close'])
})

t.test('reauths have a rate of their own', async t => {
  const limiter = createLimiter()
  const takeAt = (milliseconds: number) => limiter.takeReauth(NOW + milliseconds)
  t.strictSame([takeAt(0), takeAt(0), takeAt(0), takeAt(4999), takeAt(5000), takeAt(5000)], [true, true, false, false, true, false])
  t.equal(limiter.takeMessage(NOW), 'accept')
})

t.test('four malformed messages a minute are tolerated, by a window that slides', async t => {
  const limiter = createLimiter()
  const noteAt = (milliseconds: number) => limiter.toleratesMalformed(NOW + milliseconds)
  t.strictSame([noteAt(0), noteAt(30_000), noteAt(30_000), noteAt(59_999)], [true, true, true, true])
  t.equal(noteAt(60_000), true, 'the first is a minute old')
  t.equal(noteAt(60_001), false)
})

t.test('a clock that is set back refills nothing and stops nothing', async t => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, NOW)
  t.equal(bucket.take(NOW), true)
  t.equal(bucket.take(NOW - 3_600_000), false)
  t.equal(bucket.take(NOW - 3_600_000 + 1000), true, 'it goes on from where the clock is')
})
