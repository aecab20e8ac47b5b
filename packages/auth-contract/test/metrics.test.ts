import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { createMeter, createSummingMeter, type Measurements } from '../src/meter.js'
import { startMetricsServer } from '../src/metrics-server.js'
import { measureRevocations } from '../src/revocation-metrics.js'
import { RevocationSet } from '../src/revocation-set.js'
import { findFreePort } from '../../local-mode/src/ports.js'

const NOW = 1_800_000_000_000

t.test('without a port nothing is measured and nothing listens', async t => {
  const meter = await createMeter(undefined)
  meter.counter({ name: 'c_total', help: 'c' })()
  meter.histogram({ name: 'h', help: 'h', buckets: [1] })(1)
  meter.gauge({ name: 'g', help: 'g' }, () => 1)
  t.equal((await meter.render()).text, '')
  await (await startMetricsServer({ meter, host: '127.0.0.1', port: undefined })).close()
})

t.test('GET /metrics answers with everything measured, and with the process itself', async t => {
  const port = await findFreePort()
  const meter = await createMeter(port)
  const count = meter.counter({ name: 'things_total', help: 'Things', labels: { kind: ['one', 'none'] } })
  count({ kind: 'one' })
  count({ kind: 'one' })
  meter.gauge({ name: 'level', help: 'Level' }, () => 7)
  const server = await startMetricsServer({ meter, host: '127.0.0.1', port })
  t.teardown(() => server.close())
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await response.text()
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  for (const line of [/^things_total\{kind="one"\} 2$/m, /^things_total\{kind="none"\} 0$/m, /^level 7$/m, /^process_cpu_seconds_total /m, /^nodejs_eventloop_lag_seconds /m]) t.match(text, line)
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics?x=1`)).status, 200)
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST', body: 'x' })).status, 404)
})

t.test('several labels, every known value from the start, and a gauge with one', async t => {
  const meter = await createMeter(1)
  const count = meter.counter({ name: 'closes_total', help: 'Closes', labels: { code: ['4401', '4410'], reason: ['invalid_token', 'logout'] } })
  count({ code: '4401', reason: 'invalid_token' })
  count({ reason: 'logout', code: '4410' })
  count({ reason: 'logout', code: '4410' })
  const observe = meter.histogram({ name: 'wait_seconds', help: 'Waits', labels: ['carrier', 'result'], buckets: [1] })
  observe(0.5, 'query', 'accepted')
  let states: Record<string, number> = { active: 3, grace: 1 }
  meter.gauge({ name: 'sockets', help: 'Sockets', labels: ['state'] }, () => states)
  const { text } = await meter.render()
  t.match(text, /^closes_total\{code="4401",reason="invalid_token"\} 1$/m)
  t.match(text, /^closes_total\{code="4410",reason="logout"\} 2$/m)
  t.match(text, /^closes_total\{code="4401",reason="logout"\} 0$/m, 'begins at 0, so that its first increase is seen')
  t.match(text, /^wait_seconds_bucket\{le="1",carrier="query",result="accepted"\} 1$/m)
  t.match(text, /^sockets\{state="active"\} 3$/m)
  states = { active: 2 }
  const later = (await meter.render()).text
  t.match(later, /^sockets\{state="active"\} 2$/m)
  t.notMatch(later, 'state="grace"', 'what is not named any more is gone')
})

t.test('what several processes have measured becomes one page', async t => {
  const [a, b] = [await createMeter(1), await createMeter(1)]
  for (const [meter, level] of [[a, 3], [b, 5]] as const) {
    meter.counter({ name: 'closes_total', help: 'Closes', labels: { code: ['4410'], reason: ['logout'] } })({ code: '4410', reason: 'logout' })
    meter.histogram({ name: 'wait_seconds', help: 'Waits', buckets: [1] })(level / 10)
    meter.gauge({ name: 'sockets', help: 'Sockets', labels: ['state'] }, () => ({ active: level }))
    meter.gauge({ name: 'staleness_seconds', help: 'Staleness', together: 'max' }, () => level)
  }
  b.counter({ name: 'closes_total_of_one', help: 'What only one of them knows' })()
  const parts = async () => await Promise.all([a, b].map(async meter => JSON.parse(JSON.stringify(await meter.measurements())) as Measurements))
  const sum = await createSummingMeter(1, parts)
  sum.gauge({ name: 'processes', help: 'Processes' }, () => 2)
  const { contentType, text } = await sum.render()
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  for (const line of [
    /^closes_total\{code="4410",reason="logout"\} 2$/m, /^closes_total_of_one 1$/m, /^wait_seconds_sum 0\.8$/m, /^wait_seconds_bucket\{le="1"\} 2$/m,
    /^sockets\{state="active"\} 8$/m, /^staleness_seconds 5$/m, /^processes 2$/m
  ]) t.match(text, line)

  const incomplete = await createSummingMeter(1, async () => { throw new Error('does not answer') })
  await t.rejects(incomplete.render(), { message: 'does not answer' })
  t.equal((await (await createSummingMeter(undefined, parts)).render()).text, '')
})

t.test('two processes in one, as in tests, do not share what they measure', async t => {
  const [a, b] = [await createMeter(1), await createMeter(1)]
  a.counter({ name: 'x_total', help: 'x' })()
  b.counter({ name: 'x_total', help: 'x' })
  t.match((await a.render()).text, /^x_total 1$/m)
  t.match((await b.render()).text, /^x_total 0$/m)
})

t.test('a port that is taken is one sentence', async t => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  t.teardown(() => squatter.close())
  const { port } = squatter.address() as AddressInfo
  await t.rejects(startMetricsServer({ meter: await createMeter(port), host: '127.0.0.1', port }), { name: 'StartupError', message: /^METRICS_PORT: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)$/ })
})

t.test('the propagation of revocations: news only, by the way they came', async t => {
  const revocations = new RevocationSet({ accessTokenLifetimeMs: 900_000, now: () => NOW })
  const meter = await createMeter(1)
  measureRevocations(meter, { revocations, feed: { staleness: () => 1500 } }, () => NOW)
  const ended = (sid: string, agoMs: number) => ({ sid, sub: 'user', reason: 'logout' as const, revokedAt: NOW - agoMs })
  revocations.apply(ended('before', 600_000), 'start')
  revocations.apply(ended('refused', 600_000_000), 'refresh')
  revocations.apply(ended('a', 20), 'notify')
  revocations.apply(ended('a', 20), 'read')
  revocations.apply(ended('b', 1900), 'read')
  revocations.apply(ended('c', -50), 'redis')
  revocations.apply(ended('d', 0))
  const { text } = await meter.render()
  const counts = Object.fromEntries([...text.matchAll(/^revocation_propagation_seconds_count\{carrier="(\w+)"\} (\d+)$/gm)].map(([, path, count]) => [path, Number(count)]))
  t.strictSame(counts, { notify: 1, read: 1, redis: 1, local: 1 })
  t.match(text, /^revocation_propagation_seconds_sum\{carrier="notify"\} 0\.02$/m)
  t.match(text, /^revocation_propagation_seconds_sum\{carrier="redis"\} 0$/m)
  t.match(text, /^revocation_feed_staleness_seconds 1\.5$/m)
})
