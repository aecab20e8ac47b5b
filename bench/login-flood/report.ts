import { figureOf, type Figure, type Table } from '../harness/measurements.js'
import { percentile, ratios, withRange } from '../harness/statistics.js'
import type { Answers } from './load.js'

export interface Sample extends Answers {
  /** Upper bound in seconds: that of a bucket of the API's histogram. */
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
      rows: Object.entries(processes).map(([id, { what, unit, aim }]) => [`${what}${['', 'x'].includes(unit) ? '' : `, ${unit}`}`, cell(processes[id]!), cell(threads[id]!), aim === undefined ? '' : 'atLeast' in aim ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`])
    }]
  }
}

function describe (samples: Record<string, Sample[]>, kind: string): Record<string, Figure> {
  const [raw, quiet, alone, mixed] = ['raw', ...['quiet', 'alone', 'mixed'].map(what => `${what}, ${kind}`)].map(name => samples[name]!) as [Sample[], Sample[], Sample[], Sample[]]
  const accepted = (of: Sample[]) => of.map(({ acceptedPerSecond }) => acceptedPerSecond)
  const shares = (of: Sample[], what: 'refresh' | 'protected' | 'refusals', share = 0.99) => of.map(sample => percentile(sample[what], share))
  return {
    raw: figureOf('hashes alone', '/s', accepted(raw)),
    'alone.accepted': figureOf('accepted logins', '/s', accepted(alone)),
    'alone.ratio': figureOf('sign-ins accepted in a flood ÷ hashes alone', 'x', ratios(accepted(alone), accepted(raw)), { atLeast: 0.9 }),
    'mixed.ratio': figureOf('the same with refreshes and protected calls beside the flood', 'x', ratios(accepted(mixed), accepted(raw)), { atLeast: 0.65 }),
    'wait.p95': figureOf('p95 of the time in the queue in a flood, rounded up', 's', mixed.map(({ waitP95 }) => waitP95), { atMost: 1.5 }),
    'refusal.p50': figureOf('p50 of a refusal', 'ms', shares(mixed, 'refusals', 0.5)),
    'refusal.p99': figureOf('p99 of a refusal', 'ms', shares(mixed, 'refusals')),
    'quiet.refresh.p99': figureOf('p99 of a refresh while it is quiet', 'ms', shares(quiet, 'refresh')),
    'refresh.p99': figureOf('p99 of a refresh in the flood ÷ while it is quiet', 'x', ratios(shares(mixed, 'refresh'), shares(quiet, 'refresh')), { atMost: 3 }),
    'quiet.protected.p99': figureOf('p99 of a protected call while it is quiet', 'ms', shares(quiet, 'protected')),
    'protected.p99': figureOf('p99 of a protected call in the flood ÷ while it is quiet', 'x', ratios(shares(mixed, 'protected'), shares(quiet, 'protected')), { atMost: 3 }),
    'memory.quiet': figureOf('memory while it is quiet', 'MB', quiet.map(({ megabytes }) => megabytes)),
    'memory.flood': figureOf('memory in the flood, at its highest', 'MB', mixed.map(({ megabytes }) => megabytes)),
    others: { what: 'answers in a flood that were neither a success nor a refusal', unit: '', value: [quiet, alone, mixed].flat().reduce((sum, { others }) => sum + others, 0), aim: { atMost: 0 } }
  }
}

function cell ({ value, low = value, high = value }: Figure): string {
  return low === high ? value.toFixed(2) : withRange([low, value, high])
}
