import t from 'tap'
import { playLogout } from '../../bench/refresh-races/logout-round.js'
import { Random } from '../../bench/refresh-simulator/random.js'
import { listenTwice } from './fixtures/two-apis.js'

const ROUNDS = Number(process.env['LOGOUT_ROUNDS'] ?? 40)
const SEED = Number(process.env['LOGOUT_SEED'] ?? 1)

// A round ends when both APIs refuse every access token that any of its requests was given.
t.test('refreshes on two APIs while one of them signs the session out', async t => {
  const { urls } = await listenTwice(t)
  const random = new Random(SEED)
  let after = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { faults, sent } = await playLogout(urls, () => random.next())
    t.strictSame(faults, [], `round ${round}`)
    after += sent.after
  }
  t.ok(after >= ROUNDS, 'the cookies were tried again after each logout')
})
