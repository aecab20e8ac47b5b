// What is asked for, and what one of each thing bears. Every number can be given on the command line by its name.
// `least` and `most` are what it may be; `figure` is measured by bench:operations, and `value` stands in where it is not.

/** The load: people, what they do in a day, and how uneven the day is. */
export const LOAD = {
  loginsPerDay: { value: 1e9, least: 1, most: 1e13, means: 'sign-ins a day' },
  refreshesPerLogin: { value: 10, least: 0, most: 10_000, means: 'refreshes for each sign-in' },
  logoutsPerLogin: { value: 0.5, least: 0, most: 1, means: 'sign-outs for each sign-in' },
  connectsPerLogin: { value: 3, least: 0, most: 10_000, means: 'sockets opened for each sign-in' },
  callsPerRefresh: { value: 10, least: 0, most: 1e6, means: 'protected calls with each refreshed access token' },
  socketsPerRefresh: { value: 0.5, least: 0, most: 1, means: 'share of the refreshed access tokens that go to an open socket' },
  peakFactor: { value: 2, least: 1, most: 24, means: 'the busiest hour beside the average' },
  reauthMinutes: { value: 14, least: 0.5, most: 60, means: 'minutes between two reauths of a socket' },
  sessionDays: { value: 30, least: 0, most: 3650, means: 'days that the row of a session is kept' },
  auditDays: { value: 400, least: 0, most: 3650, means: 'days that the audit log is kept' },
  keyBits: { value: 4096, oneOf: [2048, 4096], means: 'bits of the signing key' },
  coldShare: { value: 0.9, least: 0, most: 1, means: 'share of the writes that are the first to their page since a checkpoint: their CPU and their log are those of cold operations' },
  queuesPerEvent: { value: 2, least: 0, most: 100, means: 'quorum queues that each event goes to' },
  utilisation: { value: 0.6, least: 0.05, most: 1, means: 'how busy a core is meant to be at the peak' }
}

/** What one of them bears before it gives way, and where the number comes from. A function counts it from the others. */
export const LIMITS = {
  redisMicroseconds: { value: 14, figure: 'redisCommand.busyCpu', least: 0.1, most: 1000, means: 'microseconds of one command in a Redis that is busy', source: '16 clients that each wait for their answer; the script of a wrong password, at sign-ins only, is dearer' },
  redisCommandsPerSecond: { value: ({ utilisation, redisMicroseconds }) => utilisation * 1e6 / redisMicroseconds, least: 1, most: 1e9, means: 'commands a second of one Redis, which has one thread', source: '`utilisation` × 1 s ÷ `redisMicroseconds`' },
  rowMicroseconds: { value: 6, figure: 'revocationRow.apiCpu', least: 0.01, most: 1000, means: 'microseconds of a process to read the row of an ended session', source: 'a process that has 30,000 of them to read' },
  rowPostgresMicroseconds: { value: 3, figure: 'revocationRow.postgresCpu', least: 0.01, most: 1000, means: 'microseconds of PostgreSQL to send that row', source: 'the same' },
  readingShare: { value: 0.1, least: 0.001, most: 1, means: 'share of a core of each process that may go into reading ended sessions', source: 'what is left for the requests' },
  readingCores: { value: 16, least: 0.1, most: 10_000, means: 'cores of one PostgreSQL server that may go into sending them', source: 'a quarter of a large server' },
  deliveriesPerSecond: { value: 100_000, least: 1, most: 1e9, means: 'news of ended sessions a second that one Redis, or one PostgreSQL with NOTIFY, tells all processes together', source: 'one write to a connection each' },
  readerConnections: { value: 2000, least: 1, most: 1e6, means: 'connections of readers to one PostgreSQL server', source: 'one for each API and socket process, which no pooler can take' },
  postgresCores: { value: 64, least: 1, most: 10_000, means: 'cores of one PostgreSQL server for everything else', source: 'a large server; above that its own locks take more and more of the gain' },
  commitsPerSecond: { value: 50_000, least: 1, most: 1e8, means: 'transactions that write, a second, on one server', source: 'group commit on NVMe: thousands of flushes with ten commits each' },
  notifyingCommitsPerSecond: { value: 5_000, least: 1, most: 1e8, means: 'commits with NOTIFY a second on one server', source: 'NOTIFY takes one lock of the whole server until the commit is on disk, so each has a flush to itself' },
  walMegabytes: { value: 1000, least: 1, most: 1e6, means: 'MB of write-ahead log a second of one server', source: 'an NVMe disk writes 2 GB/s, half of which checkpoints need' },
  brokerMessagesPerSecond: { value: 20_000, least: 1, most: 1e8, means: 'confirmed messages a second of one quorum queue on three nodes', source: 'a queue is one Raft log, written by one process' },
  socketsPerProcess: { value: 19_000, least: 1, most: 1e6, means: 'sockets of one socket process', source: 'the default of `WS_MAX_SOCKETS`, a setting: below the usual 20,000 open files' },
  kernelSocketBytes: { value: 4000, least: 0, most: 1e6, means: 'bytes of an idle socket in the kernel', source: '`bench:sockets-scale` prints it' },
  nodeCores: { value: 16, least: 1, most: 1024, means: 'cores of one socket node', source: 'a machine of middle size' },
  nodeGigabytes: { value: 64, least: 1, most: 65_536, means: 'GB of memory of one socket node', source: 'the same' }
}

/**
 * Every number by its name: what was given, else what was measured, else what is assumed.
 * @param {Record<string, { value: number }>} figures of `bench/results/operations.json`
 * @param {Record<string, number>} changes by name
 * @throws {Error} for a name that there is none of, and for what is out of its range
 */
export function numbersWith (figures, changes = {}) {
  const all = { ...LOAD, ...LIMITS }
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(all, name)) throw new Error(`there is no ${name}; there are ${Object.keys(all).join(', ')}`)
    const { least, most, oneOf } = all[name]
    if (oneOf !== undefined && !oneOf.includes(value)) throw new Error(`${name} is ${oneOf.join(' or ')}`)
    if (oneOf === undefined && !(value >= least && value <= most)) throw new Error(`${name} is a number from ${least} to ${most}`)
  }
  const numbers = {}
  for (const [name, { value, figure }] of Object.entries(all)) {
    const usual = typeof value === 'function' ? value(numbers) : value
    numbers[name] = changes[name] ?? figures[`operations.${figure}`]?.value ?? usual
  }
  return numbers
}
