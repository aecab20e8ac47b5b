import type { Meter } from '@fastify-uws-auth/auth-contract'
import type { GuessBudgetName } from './auth/guess-budgets.js'

/** What the API counts; nothing in it names a user, a session or an address. */
export interface ApiMetrics {
  /** @param result `signed_in`, or why not */
  loggedIn: (result: string) => void
  /** @param outcome the word of the decision */
  refreshed: (outcome: string) => void
  /** @param seconds between a rotation and a replay of the token before it */
  replayed: (seconds: number) => void
  /** @param limit `route`, or the budget of wrong passwords */
  rateLimited: (limit: 'route' | GuessBudgetName) => void
}

export function createApiMetrics (meter: Meter): ApiMetrics {
  const observeReplay = meter.histogram({
    name: 'refresh_replay_age_seconds',
    help: 'From a rotation to a replay, which was answered with the same token again',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300]
  })
  return {
    loggedIn: meter.counter({ name: 'login_total', help: 'Sign-ins by password, by their result', labels: ['result'] }),
    refreshed: meter.counter({ name: 'refresh_total', help: 'Refreshes by the decision on the refresh token', labels: ['outcome'] }),
    replayed: seconds => observeReplay(Math.max(0, seconds)),
    rateLimited: meter.counter({ name: 'rate_limited_total', help: 'Refusals of a limit, by the limit', labels: ['limit'] })
  }
}
