import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { HistogramMetric, LabelledMetric, Meter, MetricName } from './meter.js'

/** The meter that Prometheus reads. No other module imports its library. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry()

  constructor () {
    collectDefaultMetrics({ register: this.#registry })
  }

  counter ({ name, help, label }: LabelledMetric): (value?: string) => void {
    const counter = new Counter({ name, help, labelNames: label === undefined ? [] : [label], registers: [this.#registry] })
    return value => counter.inc(labels(label, value))
  }

  histogram ({ name, help, label, buckets }: HistogramMetric): (seconds: number, value?: string) => void {
    const histogram = new Histogram({ name, help, labelNames: label === undefined ? [] : [label], buckets, registers: [this.#registry] })
    return (seconds, value) => histogram.observe(labels(label, value), seconds)
  }

  gauge ({ name, help }: MetricName, read: () => number): void {
    // The registry keeps it.
    const gauge: Gauge = new Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(read()) })
  }

  async render (): Promise<{ contentType: string, text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }
}

function labels (label: string | undefined, value: string | undefined): Record<string, string> {
  return label === undefined || value === undefined ? {} : { [label]: value }
}
