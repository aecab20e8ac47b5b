import t from 'tap'
import { faultsOf, playBurst } from '../../bench/refresh-races/burst-round.js'
import { listenTwice } from './fixtures/two-apis.js'

const ROUNDS = Number(process.env['BURST_ROUNDS'] ?? 40)

t.test('64 refreshes with one token over two APIs: one rotation, one successor, nobody is signed out', async t => {
  const { urls, database: { pool } } = await listenTwice(t)
  const tokens = ['first', 'current', 'late'] as const
  for (let round = 0; round < ROUNDS; round++) {
    const which = tokens[round % tokens.length]!
    t.strictSame(faultsOf(await playBurst(urls, pool, which)), [], `round ${round}, ${which} token`)
  }
})
