import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { GaugeMetric, HistogramMetric, LabelledMetric, Meter, MetricName } from './meter.js'

/** The meter that Prometheus reads. No other module imports its library. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry()

  constructor () {
    collectDefaultMetrics({ register: this.#registry })
  }

  counter ({ name, help, labels = [] }: LabelledMetric): (...values: string[]) => void {
    const counter = new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] })
    return (...values) => counter.labels(...values).inc()
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
}
