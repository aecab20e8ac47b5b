/** What gives way, in words, what a load needs of it, and what takes over. `square`: it grows with the load twice, by the rows and by the processes that read them. */
const BOTTLENECKS = {
  redisCommandsPerSecond: { what: 'one Redis', needed: needs => needs.redisCommands, remedy: 'a Redis for each cell; Redis Cluster for the counters of requests alone' },
  readingCores: { what: 'PostgreSQL sending ended sessions to every process', needed: needs => needs.readingCores, square: true, remedy: 'cells' },
  deliveriesPerSecond: { what: 'one Redis telling every process of every ended session', needed: needs => needs.deliveries, square: true, remedy: 'cells' },
  readingShare: { what: 'every process reading every ended session', needed: needs => needs.readingShare, remedy: 'cells' },
  readerConnections: { what: 'connections of the readers to PostgreSQL', needed: needs => needs.processes, remedy: 'cells' },
  commitsPerSecond: { what: 'commits of one PostgreSQL', needed: needs => needs.commits, remedy: 'shards by user, as cells or with Citus' },
  postgresCores: { what: 'cores of one PostgreSQL', needed: needs => needs.cores.postgres, remedy: 'a read replica for the history, then shards by user' },
  notifyingCommitsPerSecond: { what: 'commits with NOTIFY on one PostgreSQL', needed: needs => needs.notifyingCommits, remedy: '`REDIS_URL`, and the trigger dropped' },
  walMegabytes: { what: 'write-ahead log of one PostgreSQL', needed: needs => needs.walMegabytes, remedy: 'settings of the log, then shards by user' },
  brokerMessagesPerSecond: { what: 'one quorum queue', needed: needs => needs.brokerMessages / Math.max(1, needs.numbers.queuesPerEvent), remedy: 'several behind a consistent-hash exchange, or streams' }
}

/**
 * What gives way, the first to do so first.
 * @param needs as `needsOf` counts them
 * @returns of each the parts into which the load has to be split before one part bears it, below 1 when none is needed
 */
export function bottlenecksOf (needs) {
  return Object.entries(BOTTLENECKS)
    .map(([name, { what, needed, square = false, remedy }]) => {
      const times = needed(needs) / needs.numbers[name]
      return { name, what, remedy, parts: square ? Math.sqrt(times) : times }
    })
    .sort((a, b) => b.parts - a.parts)
}
