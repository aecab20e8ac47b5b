import type { Meter } from './meter.js'
import type { RevocationFeed } from './revocation-feed.js'
import type { RevocationPath, RevocationSet } from './revocation-set.js'

const NO_NEWS: readonly RevocationPath[] = ['start', 'refresh']

export interface MeasuredRevocations {
  revocations: RevocationSet
  feed: Pick<RevocationFeed, 'staleness'>
}

/** Measures how long news of an ended session take to get here, and by which way they came. */
export function measureRevocations (meter: Meter, { revocations, feed }: MeasuredRevocations, now: () => number = Date.now): void {
  const observePropagation = meter.histogram({
    name: 'revocation_propagation_seconds',
    help: 'From the end of a session, by the clock of PostgreSQL, until this process knew of it: `local`, `notify`, `redis`, or `read` when the message was lost',
    labels: ['carrier'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
  })
  revocations.onRevoked(({ revokedAt }, path) => {
    if (!NO_NEWS.includes(path)) observePropagation(Math.max(0, now() - revokedAt) / 1000, path)
  })
  meter.gauge({ name: 'revocation_feed_staleness_seconds', help: 'Time since the last successful read of the ended sessions', together: 'max' }, () => feed.staleness() / 1000)
}
