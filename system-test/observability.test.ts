import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { createDatabase } from '../packages/auth-contract/test/fixtures/database.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { startWorker } from '../fastify-api/test/fixtures/worker.js'
import { findFreePort } from '../packages/local-mode/src/ports.js'
import { connect } from '../uws-server/test/fixtures/socket-client.js'
import { startCluster } from './fixtures/cluster.js'
import { logout, refresh, signIn, type HttpClient } from './fixtures/http-client.js'
import { PROMETHEUS_MISSING, startPrometheus } from './fixtures/prometheus.js'
import { readPromQl, type Selector } from './fixtures/promql.js'

interface Alert { alert: string, expr: string, labels: { severity: string }, annotations: Record<string, string> }
interface Panel { id: number, type: string, title: string, datasource?: object, gridPos: { h: number, w: number, x: number, y: number }, targets?: Array<{ refId: string, expr: string, datasource: object }> }
type Series = Map<string, Array<Record<string, string>>>

const pathOf = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const read = (name: string) => readFileSync(pathOf(name), 'utf8')
const ALERTS = (parse(read('deploy/prometheus/alerts.yml')) as { groups: Array<{ rules: Alert[] }> }).groups.flatMap(({ rules }) => rules)
const DASHBOARD = JSON.parse(read('deploy/grafana/dashboard.json')) as { panels: Panel[] }
const DASHBOARD_EXPRESSIONS = DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')))
const RULE_TESTS = ['availability.test.yml', 'incidents.test.yml']
const EXPRESSIONS = [...DASHBOARD_EXPRESSIONS, ...ALERTS.map(({ expr }) => expr)]
/** What Prometheus itself adds. */
const OF_PROMETHEUS = { metrics: ['up'], labels: ['job', 'instance', 'le'] }

t.test('each alert has a severity, says what it means, and has a step in the operator\'s page', async t => {
  const headings = new Set([...read('docs/alerts.md').matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(' ', '-')))
  for (const { alert, labels, annotations } of ALERTS) {
    t.match(labels.severity, /^(critical|warning)$/, alert)
    t.match(annotations, { summary: /\w{3}/, description: /\w{3}/, runbook: `docs/alerts.md#${alert.toLowerCase()}` })
    t.ok(headings.has(alert.toLowerCase()), `${alert} is in docs/alerts.md`)
  }
})

t.test('promtool: every alert fires when it should and is silent in an ordinary hour', { skip: PROMETHEUS_MISSING }, async t => {
  for (const args of [['check', 'config', 'prometheus.yml'], ['test', 'rules', ...RULE_TESTS]]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: pathOf('deploy/prometheus'), encoding: 'utf8' })
    t.equal(status, 0, `${args.join(' ')}\n${stdout}${stderr}`)
  }
  const tested = new Set([...RULE_TESTS.map(name => read(`deploy/prometheus/${name}`)).join('').matchAll(/alertname="(\w+)"/g)].map(([, name]) => name))
  t.strictSame([...tested].sort(), ALERTS.map(({ alert }) => alert).sort())
})

t.test('the dashboard is one that Grafana can show', async t => {
  const { panels } = DASHBOARD
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'each panel has an id')
  const taken = new Set<string>()
  for (const { title, type, gridPos: { h, w, x, y }, datasource, targets = [] } of panels) {
    for (let i = 0; i < w * h; i++) taken.add(`${x + i % w},${y + Math.floor(i / w)}`)
    t.ok(x + w <= 24, `${title} is inside of the grid`)
    if (type === 'row') continue
    for (const source of [datasource, ...targets.map(({ datasource }) => datasource)]) t.match(source, { type: 'prometheus', uid: /^\$\{datasource\}$/ }, title)
    t.ok(targets.length > 0 && new Set(targets.map(({ refId }) => refId)).size === targets.length, `${title} shows something`)
  }
  t.equal(taken.size, panels.reduce((sum, { gridPos: { h, w } }) => sum + h * w, 0), 'no panel covers another')
})

t.test('what the alerts and the dashboard ask for is what the processes tell', { skip: PROMETHEUS_MISSING }, async t => {
  const { jobs, tell } = await startEverything(t)
  const prometheus = await startPrometheus(t, jobs, pathOf('deploy/prometheus/alerts.yml'))

  const told = await tell()
  for (const expression of EXPRESSIONS) {
    const { selectors, grouping } = readPromQl(expression)
    for (const selector of selectors) t.ok(isTold(told, selector), `${selector.metric} and its labels: ${expression}`)
    const labels = new Set(selectors.flatMap(({ metric }) => told.get(metric) ?? []).flatMap(series => Object.keys(series)))
    for (const label of grouping) t.ok(labels.has(label) || OF_PROMETHEUS.labels.includes(label), `${label} is a label: ${expression}`)
  }
  const documented = new Set([...read('docs/metrics.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!))
  const own = [...told.keys()].filter(name => !/^(process|nodejs)_/.test(name)).map(name => name.replace(/_(bucket|sum|count)$/, ''))
  t.strictSame([...new Set(own)].sort(), [...documented].sort(), 'docs/metrics.md has them all')

  t.comment('Prometheus itself')
  const targets = Object.values(jobs).flat().length
  const scraped = async () => (await prometheus.get<{ result: unknown[] }>('query', { query: 'up == 1' })).result.length
  await until(async () => await scraped() === targets)
  const start = Date.now() / 1000
  for (const query of DASHBOARD_EXPRESSIONS) {
    await prometheus.get('query_range', { query, start: String(start - 60), end: String(start), step: '15' })
  }
  const rules = async () => (await prometheus.get<{ groups: Array<{ rules: Array<{ name: string, health: string }> }> }>('rules')).groups.flatMap(({ rules }) => rules)
  await until(async () => (await rules()).every(({ health }) => health !== 'unknown'))
  t.strictSame((await rules()).filter(({ health }) => health !== 'ok'), [], 'all rules can be evaluated')
})

/** Two APIs, two socket servers of two processes each and a worker, with a little of everything behind them; Redis is away. */
async function startEverything (t: Test): Promise<{ jobs: Record<string, string[]>, tell: () => Promise<Series> }> {
  const database = await createDatabase(t)
  const databaseUrl = (role: string) => `${database.connectionString}?options=${encodeURIComponent(`-c role=${role}`)}`
  const workerPort = String(await findFreePort())
  const [{ apis: [api], apis, sockets }] = await Promise.all([
    startCluster(t, { databaseUrl, settings: { REDIS_URL: 'redis://127.0.0.1:1', WS_PROCESSES: '2' } }),
    startWorker(t, { DATABASE_URL: databaseUrl('worker'), METRICS_PORT: workerPort })
  ])
  const client = await signIn(api.url)
  const socket = await connect(`${sockets[0].url}?token=${client.accessToken}`)
  const { client: refreshed } = await refresh(api.url, client)
  await refresh(api.url, client)
  await refreshWhileLocked(database.connectionString, api.url, refreshed!)
  await logout(api.url, refreshed!)
  await socket.closed

  const pages = { 'auth-api': apis.map(({ metricsUrl }) => metricsUrl), 'auth-ws': sockets.map(({ metricsUrl }) => metricsUrl), 'auth-worker': [`http://127.0.0.1:${workerPort}/metrics`] }
  const tell = async () => readSeries((await Promise.all(Object.values(pages).flat().map(async url => await (await fetch(url)).text()))).join(''))
  // The news reach the others by reading, events the audit log: both within seconds.
  await until(async () => {
    const told = await tell()
    return isTold(told, { metric: 'event_delivery_seconds_count', matchers: [] }) && isTold(told, { metric: 'ws_revocation_close_seconds_count', matchers: [] }) &&
      isTold(told, { metric: 'revocation_propagation_seconds_count', matchers: [{ label: 'carrier', fits: carrier => carrier === 'read' }] })
  })
  return { jobs: Object.fromEntries(Object.entries(pages).map(([job, urls]) => [job, urls.map(url => new URL(url).host)])), tell }
}

/** One that is answered 503: what it has to write is locked for longer than it waits. */
async function refreshWhileLocked (connectionString: string, url: string, client: HttpClient): Promise<void> {
  const locker = new pg.Client({ connectionString })
  await locker.connect()
  await locker.query('begin; lock table sessions in access exclusive mode')
  await refresh(url, client)
  await locker.end()
}

/** The labels of each series of each metric, from the text format of Prometheus. */
function readSeries (text: string): Series {
  const series: Series = new Map()
  for (const [, name, labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label!, value!]))
    series.set(name!, [...series.get(name!) ?? [], known])
  }
  return series
}

function isTold (told: Series, { metric, matchers }: Selector): boolean {
  if (OF_PROMETHEUS.metrics.includes(metric)) return true
  const own = matchers.filter(({ label }) => !OF_PROMETHEUS.labels.includes(label))
  return (told.get(metric) ?? []).some(series => own.every(({ label, fits }) => series[label] !== undefined && fits(series[label])))
}
