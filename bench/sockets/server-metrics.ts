export interface Metrics {
  /** The sum of a metric's samples whose labels contain all of these; 0 when there is none. */
  total: (name: string, labels?: Record<string, string>) => number
  buckets: (name: string) => Bucket[]
}

/** So many observations were at most `atMost`. */
export interface Bucket { atMost: number, count: number }

/** Reads what a server measures. Gauges of the longest event-loop lag begin anew with each reading. */
export async function readMetrics (port: number): Promise<Metrics> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
  const samples = parse(await response.text())
  return {
    total: (name, labels = {}) => samples.filter(sample => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)).reduce((sum, { value }) => sum + value, 0),
    buckets: name => samples.filter(sample => sample.name === `${name}_bucket`).map(({ labels, value }) => ({ atMost: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), count: value }))
  }
}

/** Upper bound of the share of the observations between two readings; undefined when there were none. */
export function percentileBetween (before: Bucket[], after: Bucket[], share: number): number | undefined {
  const counts = after.map(({ atMost, count }) => ({ atMost, count: count - (before.find(bucket => bucket.atMost === atMost)?.count ?? 0) }))
  const all = counts.at(-1)?.count ?? 0
  return all === 0 ? undefined : counts.find(({ count }) => count >= share * all)!.atMost
}

interface Sample { name: string, labels: Record<string, string>, value: number }

// name{label="value",…} 1.5
function parse (text: string): Sample[] {
  return text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => {
    const [, name, labels = '', value] = /^([^ {]+)(?:\{(.*)\})? (\S+)/.exec(line)!
    return { name: name!, labels: Object.fromEntries([...labels.matchAll(/([^=,]+)="([^"]*)"/g)].map(([, label, content]) => [label!, content!])), value: Number(value) }
  })
}
