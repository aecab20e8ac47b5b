// docs/metrics.md from what the programs measure.
import { measureRevocations, RevocationSet } from '../packages/auth-contract/dist/index.js'
import { HashingPool } from '../fastify-api/dist/auth/hashing-pool.js'
import { createConsumers } from '../fastify-api/dist/consumers/create-consumers.js'
import { createEventMetrics } from '../fastify-api/dist/events/event-metrics.js'
import { measureLimitCounters } from '../fastify-api/dist/limits/limit-metrics.js'
import { createMailMetrics } from '../fastify-api/dist/mail/mail-metrics.js'
import { createApiMetrics } from '../fastify-api/dist/metrics.js'
import { measureProcesses } from '../uws-server/dist/process-metrics.js'
import { createSocketMetrics, measureSockets } from '../uws-server/dist/socket-metrics.js'

const INTRODUCTION = `# Metrics

\`METRICS_PORT\` makes the API, the worker and the socket server answer \`GET /metrics\` to Prometheus, on a port of its own on
\`HOST\`, which the proxy in front must not forward. Local mode gives the worker the next port and the socket server the one after.
[Operations](operations.md#what-to-watch) says what to watch; \`deploy/prometheus\` has the scrape configuration and the alerts,
\`deploy/grafana\` a dashboard.

Counters begin at 0 for every known value of their labels, so that \`increase()\` sees the first incident, too. Histograms with labels
(such as \`revocation_propagation_seconds{carrier}\`) are not there before their first observation, nor is what belongs to an optional part that is
not used: \`limits_in_memory\` is there only with \`REDIS_URL\`. Nothing names a user, a
session or an address. Beside the ones below each process has those of its library about itself, such as \`process_cpu_seconds_total\`,
\`process_resident_memory_bytes\` and \`nodejs_eventloop_lag_p99_seconds\`. This page is written by \`npm run docs\`.
`

/** A meter that notes what there is to measure. */
class MetricList {
  rows = []
  counter ({ name, help, labels = {} }) {
    this.rows.push({ name, type: 'counter', help, labels: Object.entries(labels) })
    return () => {}
  }

  amount = ({ name, help }) => this.counter({ name, help })
  histogram ({ name, help, labels = [] }) {
    this.rows.push({ name, type: 'histogram', help, labels: labels.map(label => [label, []]) })
    return () => {}
  }

  gauge ({ name, help, labels = [] }) {
    this.rows.push({ name, type: 'gauge', help, labels: labels.map(label => [label, []]) })
  }
}

const revocations = { revocations: new RevocationSet({ accessTokenLifetimeMs: 0 }), feed: { staleness: () => 0 } }

const SECTIONS = [
  ['API', meter => {
    createApiMetrics(meter)
    measureLimitCounters(meter, { isInMemory: false })
    measureRevocations(meter, revocations)
    return new HashingPool({ workers: [], maxWaitMs: 0, meter })
  }],
  ['Worker', meter => {
    const mails = createMailMetrics(meter)
    createEventMetrics(meter, createConsumers(meter, mails))
  }],
  ['Socket server', meter => {
    createSocketMetrics(meter)
    measureSockets(meter, { countByState: () => ({}), all: () => [] })
    measureRevocations(meter, revocations)
  }],
  ['Several socket processes', meter => measureProcesses(meter, () => 0), 'With `WS_PROCESSES` above 1 the port has the sums of all of them, and these:']
]

function section ([title, measure, note]) {
  const meter = new MetricList()
  measure(meter)
  const rows = meter.rows
    .sort((a, b) => a.name.localeCompare(b.name, 'en'))
    .map(({ name, type, help, labels }) => `| \`${name}\` | ${type} | ${help} | ${labels.map(describe).join('; ')} |`)
  return `\n## ${title}\n\n${note === undefined ? '' : `${note}\n\n`}| metric | type | meaning | labels |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function describe ([label, values]) {
  return `\`${label}\`${values.length === 0 ? '' : `: ${values.join(', ')}`}`
}

/** Names of pages in a sentence become links. */
export const metricsPage = () => (INTRODUCTION + SECTIONS.map(section).join('')).replace(/(?<=[ ])([a-z-]+)\.md(?= \||[;,])/g, '[$1]($1.md)')
