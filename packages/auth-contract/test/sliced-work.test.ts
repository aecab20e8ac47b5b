import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { SlicedWork } from '../src/sliced-work.js'

t.test('little is done at once', async t => {
  const done: number[] = []
  const work = new SlicedWork<number>(3, item => done.push(item))
  for (const item of [1, 2, 3]) work.add(item)
  t.strictSame(done, [1, 2, 3])
  await setImmediate()
  await setImmediate()
  for (const item of [4, 5, 6]) work.add(item)
  t.strictSame(done, [1, 2, 3, 4, 5, 6], 'the next turn has its own share')
})

t.test('much is done in slices, in order, with turns of the event loop between them', async t => {
  const done: number[] = []
  const work = new SlicedWork<number>(3, item => done.push(item))
  for (let item = 0; item < 10; item++) work.add(item)
  t.equal(done.length, 3)
  const lengths: number[] = []
  while (done.length < 10) {
    await setImmediate()
    lengths.push(done.length)
  }
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.strictSame([...new Set(lengths)], [6, 9, 10])
})

t.test('what comes while others wait, comes after them', async t => {
  const done: string[] = []
  const work = new SlicedWork<string>(1, item => {
    done.push(item)
    if (item === 'b') work.add('d')
  })
  for (const item of ['a', 'b', 'c']) work.add(item)
  while (done.length < 4) await setImmediate()
  t.strictSame(done, ['a', 'b', 'c', 'd'])
})
