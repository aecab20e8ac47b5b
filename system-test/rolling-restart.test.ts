import t from 'tap'
import { NGINX_MISSING } from './fixtures/front-door.js'
import { runRollingRestart } from './rolling-restart/rolling-restart.js'

t.test('every process restarts in turn, and nginx reloads: nobody is signed out, every socket comes back', { skip: NGINX_MISSING }, async t => {
  const figures = await runRollingRestart(t, { clients: 10, rounds: 1, seconds: 0, step: text => t.comment(text) })
  t.comment(figures)
  t.match(figures, { failedRefreshes: 0, notBack: 0, exitCodes: { 0: 4 } })
  // A connection may be cut that is new in the moment in which nginx reloads; what is answered is answered well.
  t.same(Object.keys(figures.failedCalls).filter(status => status !== '0'), [])
  t.same(Object.keys(figures.socketCloses), ['1012'])
  t.equal(figures.reconnects, Object.values(figures.socketCloses).reduce((sum, count) => sum + count, 0))
})
