import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { GaugeMetric, HistogramMetric, Labels, Measurements, Meter, MetricName } from './meter.js'

/** The meter that Prometheus reads. No other module imports its library. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry()

  /** @param watchesProcess measures the process itself: memory, event loop, garbage collection */
  constructor ({ watchesProcess }: { watchesProcess: boolean }) {
    if (watchesProcess) collectDefaultMetrics({ register: this.#registry })
  }

  counter ({ name, help, labels = {} }: MetricName & { labels?: Labels }): (values?: Record<string, string>) => void {
    const counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] })
    for (const values of combinations(labels)) counter.inc(values, 0)
    return (values = {}) => counter.inc(values)
  }

  amount ({ name, help }: MetricName): (more: number) => void {
    const counter = new Counter({ name, help, registers: [this.#registry] })
    return more => counter.inc(more)
  }

  histogram ({ name, help, labels = [], buckets }: HistogramMetric): (seconds: number, ...values: string[]) => void {
    const histogram = new Histogram({ name, help, labelNames: [...labels], buckets, registers: [this.#registry] })
    return (seconds, ...values) => histogram.labels(...values).observe(seconds)
  }

  gauge ({ name, help, labels, together = 'sum' }: GaugeMetric, read: () => number | Record<string, number>): void {
    // The registry keeps it.
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: labels ?? [],
      aggregator: together,
      registers: [this.#registry],
      collect () {
        const level = read()
        if (typeof level === 'number') return gauge.set(level)
        gauge.reset()                                 // what is not named any more is gone
        for (const [value, number] of Object.entries(level)) gauge.labels(value).set(number)
      }
    })
  }

  async render (): Promise<{ contentType: string, text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  async measurements (): Promise<Measurements> {
    return await this.#registry.getMetricsAsJSON()
  }
}

/** Renders what several processes have measured as if they were one. */
export class SummingMeter extends PrometheusMeter {
  readonly #collect: () => Promise<Measurements[]>

  constructor (collect: () => Promise<Measurements[]>) {
    super({ watchesProcess: false })
    this.#collect = collect
  }

  override async render (): Promise<{ contentType: string, text: string }> {
    const sum = AggregatorRegistry.aggregate([await this.measurements(), ...await this.#collect()])
    return { contentType: sum.contentType, text: await sum.metrics() }
  }
}

/** Each value of each label with each of the others. */
function combinations (labels: Labels): Array<Record<string, string>> {
  return Object.entries(labels).reduce<Array<Record<string, string>>>(
    (some, [label, values]) => some.flatMap(one => values.map(value => ({ ...one, [label]: value }))), [{}])
}
