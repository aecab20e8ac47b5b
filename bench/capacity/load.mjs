// What is asked for, and what one of each thing bears. Every number can be given on the command line by its name.

/** The load: people, what they do in a day, and how uneven the day is. */
export const LOAD = {
  loginsPerDay: { value: 1e9, means: 'sign-ins a day' },
  refreshesPerDay: { value: 1e10, means: 'refreshes a day' },
  logoutsPerDay: { value: 5e8, means: 'sign-outs a day' },
  callsPerRefresh: { value: 10, means: 'protected calls with each access token' },
  socketsPerRefresh: { value: 0.5, means: 'share of the refreshed access tokens that go to an open socket' },
  peakFactor: { value: 2, means: 'the busiest hour beside the average' },
  connectsPerLogin: { value: 3, means: 'sockets opened for each sign-in' },
  reauthMinutes: { value: 14, means: 'minutes between two reauths of a socket' },
  sessionDays: { value: 30, means: 'days that the row of a session is kept' },
  auditDays: { value: 400, means: 'days that the audit log is kept' },
  keyBits: { value: 4096, means: 'bits of the signing key' },
  coldShare: { value: 0.9, means: 'share of the writes that are the first to their page since a checkpoint' },
  utilisation: { value: 0.6, means: 'how busy a core is meant to be at the peak' }
}

/** What one node bears before it is a bottleneck, and where the number comes from. */
export const LIMITS = {
  postgresCores: { value: 64, means: 'cores of one PostgreSQL server', source: 'assumed: a large server; above that its own locks take more and more of the gain' },
  walMegabytes: { value: 1000, means: 'MB of write-ahead log a second that one server writes', source: 'assumed: an NVMe disk writes 2 GB/s, half of which checkpoints need' },
  commitsPerSecond: { value: 50_000, means: 'transactions that write, on one server', source: 'assumed: group commit on NVMe, thousands of flushes a second with ten commits each' },
  notifyingCommitsPerSecond: { value: 5_000, means: 'commits with NOTIFY on one server', source: 'one lock of the whole server from NOTIFY until the commit is on disk, so each has a flush to itself; measured with 32 connections: a fifth of the commits without. Assumed: as many flushes of an NVMe disk' },
  revocationsPerSecond: { value: 1_000, means: 'ended sessions that each process applies, with the rows of the last 30 s read again every 2 s', source: 'measured: to read and apply 30,000 rows takes 0.14 s of CPU, so 7 % of a core of every process' },
  redisCommandsPerSecond: { value: 100_000, means: 'commands of one Redis', source: 'assumed: one thread, 10 microseconds each' },
  brokerMessagesPerSecond: { value: 20_000, means: 'confirmed messages of one quorum queue on three nodes', source: 'assumed: one queue is one Raft log, written by one process' },
  socketsPerProcess: { value: 19_000, means: 'sockets of one socket process', source: 'measured by bench:sockets-scale; `WS_MAX_SOCKETS` stays below the usual 20,000 files' },
  socketProcessesPerNode: { value: 16, means: 'socket processes on one node', source: 'assumed: `WS_PROCESSES` one for each core' }
}

/**
 * The defaults, with some of them replaced.
 * @param {Record<string, number>} changes by name
 * @throws {Error} for a name that there is none of, and for what is no number of at least 0
 */
export function loadWith (changes = {}) {
  const load = Object.fromEntries(Object.entries(LOAD).map(([name, { value }]) => [name, value]))
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in load)) throw new Error(`there is no ${name}; there are ${Object.keys(load).join(', ')}`)
    if (!(value >= 0)) throw new Error(`${name} must be a number of at least 0`)
    load[name] = value
  }
  return load
}
