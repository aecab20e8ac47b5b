import { figureOf, type Figure, type Table } from '../harness/measurements.js'
import { median, ratios, withRange } from '../harness/statistics.js'

const AT_LEAST_OF_RAW = 0.9

export interface Sample {
  perSecond: number
  /** Microseconds for each sign-in or hash: of the server's own process, of the processes it has started, of all of PostgreSQL's. */
  cpu: { server: number, hashing: number, postgres: number }
}

/** What the slices come to; each is named by whose and by its algorithm, as in `raw bcrypt` and `ours, bcrypt`. */
export function reportOn (samples: Record<string, Sample[]>): { figures: Record<string, Figure>, tables: Table[] } {
  const rates = (name: string) => samples[name]!.map(({ perSecond }) => perSecond)
  const cpu = (name: string, of: keyof Sample['cpu']) => samples[name]!.map(({ cpu }) => cpu[of] / 1000)
  // What remains of the hashes when each takes a signature along.
  const withSignature = (raw: string) => rates(raw).map((hashes, round) => 1 / (1 / hashes + 1 / rates('raw signing')[round]!))
  const figures: Record<string, Figure> = { 'login.sign': figureOf('signatures alone', '/s', rates('raw signing')) }
  for (const algorithm of ['bcrypt', 'argon2id'] as const) {
    const [raw, ours] = [`raw ${algorithm}`, `ours, ${algorithm}`]
    Object.assign(figures, {
      [`login.${algorithm}.raw`]: figureOf(`${algorithm} hashes alone`, '/s', rates(raw)),
      [`login.${algorithm}.perSecond`]: figureOf(`sign-ins with ${algorithm}`, '/s', rates(ours)),
      [`login.${algorithm}.ratio`]: figureOf(`sign-ins ÷ ${algorithm} hashes alone`, 'x', ratios(rates(ours), rates(raw)), { atLeast: AT_LEAST_OF_RAW }),
      [`login.${algorithm}.ofBoth`]: figureOf(`sign-ins ÷ what is left of ${algorithm} hashes with a signature each`, 'x', ratios(rates(ours), withSignature(raw))),
      [`login.${algorithm}.cpu.raw`]: figureOf(`CPU of a ${algorithm} hash alone`, 'ms', cpu(raw, 'server')),
      [`login.${algorithm}.cpu.hashing`]: figureOf(`CPU of the hash processes for a sign-in with ${algorithm}`, 'ms', cpu(ours, 'hashing')),
      [`login.${algorithm}.cpu.api`]: figureOf(`CPU of the API's own process for a sign-in with ${algorithm}`, 'ms', cpu(ours, 'server')),
      [`login.${algorithm}.cpu.postgres`]: figureOf(`CPU of PostgreSQL for a sign-in with ${algorithm}`, 'ms', cpu(ours, 'postgres'))
    })
  }
  const peers = Object.keys(samples).filter(name => !/^(raw|ours)/.test(name))
  for (const name of peers) {
    const id = `login.bcrypt.over.${name.replace(', bcrypt', '').replace(', ', '-')}`
    figures[id] = figureOf(`sign-ins with bcrypt ÷ those of ${name}`, 'x', ratios(rates('ours, bcrypt'), rates(name)))
  }
  const rowsOf = (raw: string, names: string[]) => [raw, ...names].map(name => [
    name,
    withRange(rates(name), 1),
    ...name.endsWith('scrypt') ? ['', ''] : [withRange(ratios(rates(name), rates(raw))), withRange(ratios(rates(name), withSignature(raw)))],
    ...(['server', 'hashing', 'postgres'] as const).map(of => median(cpu(name, of)).toFixed(1))
  ])
  const head = ['', 'a second', '÷ raw', '÷ raw with a signature each', 'ms of CPU: server', 'its hash processes', 'PostgreSQL']
  return {
    figures,
    tables: [
      { caption: 'bcrypt; scrypt where it says so', head, rows: rowsOf('raw bcrypt', ['ours, bcrypt', ...peers]) },
      { caption: 'argon2id', head, rows: rowsOf('raw argon2id', ['ours, argon2id']) }
    ]
  }
}
