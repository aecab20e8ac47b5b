import { cpus } from 'node:os'
import { figureOf, type Figure, type Table } from '../harness/measurements.js'
import { median, ratios, withRange } from '../harness/statistics.js'
import type { Latencies } from './load.js'

const AT_LEAST_OF_RAW = 0.8
const AT_LEAST_A_CORE = 1000

export interface Sample {
  perSecond: number
  /** Not of raw signing. */
  latencies?: Latencies
  /** Microseconds for each refresh or signature; of PostgreSQL all its processes. */
  cpu: { server: number, postgres: number }
}

export interface Report { figures: Record<string, Figure>, table: Table }

/** The figures that `raw`, `ours` and the peers come to with keys of one size. */
export function reportOn (bits: 2048 | 4096, { raw, ours, ...peers }: Record<string, Sample[]>): Report {
  const rates = (samples: readonly Sample[]) => samples.map(({ perSecond }) => perSecond)
  const of = (samples: readonly Sample[] | undefined, figure: (sample: Sample) => number) => samples!.map(figure)
  const ratio = ratios(rates(ours!), rates(raw!))
  const figures: Record<string, Figure> = {
    raw: figureOf(`RSA-${bits} signatures alone`, '/s', rates(raw!)),
    perSecond: figureOf(`refreshes with RSA-${bits}`, '/s', rates(ours!), bits === 2048 ? { atLeast: AT_LEAST_A_CORE * cpus().length } : undefined),
    ratio: figureOf(`refreshes ÷ signatures alone, RSA-${bits}`, 'x', ratio, bits === 4096 ? { atLeast: AT_LEAST_OF_RAW } : undefined),
    'cpu.sign': figureOf(`CPU of a signature alone, RSA-${bits}`, 'µs', of(raw, ({ cpu }) => cpu.server)),
    'cpu.api': figureOf(`CPU of the API for a refresh, RSA-${bits}`, 'µs', of(ours, ({ cpu }) => cpu.server)),
    'cpu.postgres': figureOf('CPU of PostgreSQL for a refresh', 'µs', of(ours, ({ cpu }) => cpu.postgres)),
    p99: figureOf(`p99 of a refresh with RSA-${bits}`, 'ms', of(ours, ({ latencies }) => latencies!.p99))
  }
  for (const [name, samples] of Object.entries(peers)) {
    figures[`over.${name}`] = figureOf(`refreshes ÷ those of ${name}, RSA-${bits}`, 'x', ratios(rates(ours!), rates(samples)), { atLeast: 1 })
  }
  const row = (name: string, samples: readonly Sample[]) => [
    name,
    median(rates(samples)).toFixed(0),
    withRange(ratios(rates(samples), rates(raw!))),
    withRange(ratios(rates(ours!), rates(samples))),
    ...(['p50', 'p99'] as const).map(share => samples[0]!.latencies === undefined ? '' : median(of(samples, ({ latencies }) => latencies![share])).toFixed(1)),
    median(of(samples, ({ cpu }) => cpu.server)).toFixed(0),
    name === 'raw' ? '' : median(of(samples, ({ cpu }) => cpu.postgres)).toFixed(0)
  ]
  return {
    figures: Object.fromEntries(Object.entries(figures).map(([id, figure]) => [`refresh.${bits}.${id}`, figure])),
    table: {
      caption: `RSA with ${bits} bits`,
      head: ['', 'a second', '÷ raw', 'ours ÷ this', 'p50 ms', 'p99 ms', 'µs of CPU each', 'µs of PostgreSQL'],
      rows: [row('raw signing', raw!), row('ours', ours!), ...Object.entries(peers).map(([name, samples]) => row(name, samples))]
    }
  }
}
