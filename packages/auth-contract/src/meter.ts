/** A name of Prometheus, such as `refresh_total`, and one sentence about it. */
export interface MetricName { name: string, help: string }

/** Labels have values that are words of ours: never an id, an address or anything a client has sent. */
export interface LabelledMetric extends MetricName { labels?: readonly string[] }

/**
 * The labels of a counter with every value they can have. All combinations begin at 0: of a counter that comes into
 * being with its first incident, `increase()` does not see that one.
 */
export type Labels = Readonly<Record<string, readonly string[]>>

export interface CounterMetric<Known extends Labels> extends MetricName { labels: Known }

/** One value for each label. */
export type LabelValues<Known extends Labels> = { [Label in keyof Known]: Known[Label][number] }

export interface HistogramMetric extends LabelledMetric {
  /** Upper bounds, in seconds, rising. */
  buckets: number[]
}

export interface GaugeMetric extends MetricName {
  /** At most one; then `read` gives a number for each of its values. */
  labels?: readonly [string]
  /** What several processes on one port have together: by default the sum. */
  together?: 'sum' | 'max'
}

/** Takes measurements. The rest of the program does not know who reads them, or whether anybody does. */
export interface Meter {
  /** @returns counts one, under these values of the labels */
  counter<const Known extends Labels> (metric: CounterMetric<Known>): (values: LabelValues<Known>) => void
  counter (metric: MetricName): () => void
  /** @returns counts something that comes in amounts, such as bytes */
  amount (metric: MetricName): (more: number) => void
  histogram (metric: HistogramMetric): (seconds: number, ...values: string[]) => void
  /** @param read called whenever somebody looks */
  gauge (metric: GaugeMetric, read: () => number | Record<string, number>): void
  /** Everything measured so far, in the text format of Prometheus. */
  render (): Promise<{ contentType: string, text: string }>
  /** The same in a form that can be sent to another process and summed there. */
  measurements (): Promise<Measurements>
}

/** What one process has measured. */
export type Measurements = object[]

/** Measures nothing. */
const IDLE_METER: Meter = {
  counter: () => () => {},
  amount: () => () => {},
  histogram: () => () => {},
  gauge () {},
  render: async () => ({ contentType: 'text/plain', text: '' }),
  measurements: async () => []
}

/** A meter that also watches the process itself when there is a port to read it on, otherwise one that does nothing. */
export async function createMeter (metricsPort: number | undefined): Promise<Meter> {
  if (metricsPort === undefined) return IDLE_METER
  // Loaded only when asked for: the library costs each process about 10 MB.
  const { PrometheusMeter } = await import('./prometheus-meter.js')
  return new PrometheusMeter({ watchesProcess: true })
}

/**
 * A meter that renders what other processes have measured together with its own; it does not watch its own process.
 * What a process has counted is gone when it ends: the sum falls, and Prometheus takes that for a restart.
 * @param collect asks the others; when it rejects, so does `render`: a sum with a part missing would look like a fall
 */
export async function createSummingMeter (metricsPort: number | undefined, collect: () => Promise<Measurements[]>): Promise<Meter> {
  if (metricsPort === undefined) return IDLE_METER
  const { SummingMeter } = await import('./prometheus-meter.js')
  return new SummingMeter(collect)
}
