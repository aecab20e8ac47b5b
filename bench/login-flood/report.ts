import { figureOf, type Figure, type Table } from '../harness/measurements.js'
import { median, percentile, ratios, withRange } from '../harness/statistics.js'
import type { Answers } from './load.js'

export interface Sample extends Answers {
  /** Upper bound in seconds: the histogram of the API has a bucket that ends at the limit of the queue. */
  waitP95: number
  /** Resident memory of the API with its hash processes at its highest. */
  megabytes: number
}

/** The figures of the API as it is, and a table with the threads beside. */
export function reportOn (samples: Record<string, Sample[]>): { figures: Record<string, Figure>, tables: Table[] } {
  const processes = describe(samples, 'processes')
  const threads = describe(samples, 'threads')
  return {
    figures: Object.fromEntries(Object.entries(processes).map(([id, figure]) => [`login-flood.${id}`, figure])),
    tables: [{
      caption: 'Hash processes beside threads',
      head: ['', 'hash processes', 'threads of the API', 'aim'],
      rows: Object.entries(processes).map(([id, { what, unit, aim }]) => [`${what}${unit === 'x' ? '' : `, ${unit}`}`, cell(processes[id]!), cell(threads[id]!), aim === undefined ? '' : 'atLeast' in aim ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`])
    }]
  }
}

function describe (samples: Record<string, Sample[]>, kind: string): Record<string, Figure> {
  const [raw, quiet, alone, mixed] = ['raw', ...['quiet', 'alone', 'mixed'].map(what => `${what}, ${kind}`)].map(name => samples[name]!) as [Sample[], Sample[], Sample[], Sample[]]
  const accepted = (of: Sample[]) => of.map(({ acceptedPerSecond }) => acceptedPerSecond)
  const p99 = (of: Sample[], what: 'refresh' | 'protected' | 'refusals') => percentile(of.flatMap(sample => sample[what]), 0.99)
  const one = (what: string, unit: string, value: number, aim?: Figure['aim']): Figure => figureOf(what, unit, [value], aim)
  return {
    raw: figureOf('hashes alone', '/s', accepted(raw)),
    'alone.accepted': figureOf('accepted logins', '/s', accepted(alone)),
    'alone.ratio': figureOf('accepted logins ÷ hashes alone', 'x', ratios(accepted(alone), accepted(raw)), { atLeast: 0.9 }),
    'mixed.ratio': figureOf('the same beside refreshes and protected calls', 'x', ratios(accepted(mixed), accepted(raw)), { atLeast: 0.65 }),
    'wait.p95': figureOf('p95 of the time in the queue, at most', 's', mixed.map(({ waitP95 }) => waitP95), { atMost: 1.5 }),
    'refusal.p50': one('p50 of a refusal', 'ms', percentile(mixed.flatMap(({ refusals }) => refusals), 0.5)),
    'refusal.p99': one('p99 of a refusal', 'ms', p99(mixed, 'refusals')),
    'quiet.refresh.p99': one('p99 of a refresh while it is quiet', 'ms', p99(quiet, 'refresh')),
    'refresh.p99': one('p99 of a refresh ÷ quiet', 'x', p99(mixed, 'refresh') / p99(quiet, 'refresh'), { atMost: 3 }),
    'quiet.protected.p99': one('p99 of a protected call while it is quiet', 'ms', p99(quiet, 'protected')),
    'protected.p99': one('p99 of a protected call ÷ quiet', 'x', p99(mixed, 'protected') / p99(quiet, 'protected'), { atMost: 3 }),
    'memory.quiet': one('memory while it is quiet', 'MB', median(quiet.map(({ megabytes }) => megabytes))),
    'memory.flood': one('memory in the flood, at its highest', 'MB', Math.max(...mixed.map(({ megabytes }) => megabytes))),
    others: one('answers that were none of these', '', [quiet, alone, mixed].flat().reduce((sum, { others }) => sum + others, 0), { atMost: 0 })
  }
}

function cell ({ value, low = value, high = value }: Figure): string {
  return low === high ? value.toFixed(2) : withRange([low, value, high])
}
