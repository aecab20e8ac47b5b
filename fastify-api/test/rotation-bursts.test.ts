import t from 'tap'
import { faultsOf, playBurst } from '../../bench/refresh-races/burst-round.js'
import { listenTwice } from './fixtures/two-apis.js'

const ROUNDS = Number(process.env['BURST_ROUNDS'] ?? 40)

t.test('64 refreshes with one token over two APIs: one rotation, one successor, nobody is signed out', async t => {
  const { urls, database: { pool } } = await listenTwice(t)
  for (let round = 0; round < ROUNDS; round++) {
    const which = round % 2 === 0 ? 'first' : 'current'
    t.strictSame(faultsOf(await playBurst(urls, pool, which)), [], `round ${round}, ${which} token`)
  }
})

t.test('the same with an old token whose successor never arrived', async t => {
  const { urls, database: { pool } } = await listenTwice(t)
  t.strictSame(faultsOf(await playBurst(urls, pool, 'late')), [], { todo: 'each request gets a token of its own; which one the browser keeps is chance' })
})
