import t from 'tap'
import { stopTimes } from '../src/stop-times.js'

t.test('the socket server is not killed while it sends its clients elsewhere', async t => {
  const DATABASE_URL = 'postgres://ws@db/auth'
  t.same(stopTimes({ ws: { DATABASE_URL } }), { worker: 6000, api: 6000, ws: 32_000 })
  t.equal(stopTimes({ ws: { DATABASE_URL, WS_DRAIN_NOTICE: '5s', WS_DRAIN_TIMEOUT: '2m' } }).ws, 131_000)
})
