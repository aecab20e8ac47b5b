import t from 'tap'
import { stopTimes } from '../src/stop-times.js'

t.test('no part is killed while it answers, sends or tells its clients to go elsewhere', async t => {
  const api = { DATABASE_URL: 'postgres://api@db/auth' }
  const ws = { DATABASE_URL: 'postgres://ws@db/auth' }
  t.same(stopTimes({ api, ws }), { worker: 16_000, api: 20_000, ws: 32_000 })
  t.equal(stopTimes({ api: { ...api, DRAIN_NOTICE: '5s' }, ws }).api, 24_000)
  t.equal(stopTimes({ api, ws: { ...ws, WS_DRAIN_NOTICE: '5s', WS_DRAIN_TIMEOUT: '2m' } }).ws, 131_000)
})
