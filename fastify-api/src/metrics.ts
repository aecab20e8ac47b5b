import type { Meter } from '@fastify-uws-auth/auth-contract'
import { GUESS_BUDGETS, type GuessBudgetName } from './auth/guess-budgets.js'

const LOGIN_RESULTS = ['signed_in', 'wrong_password', 'unknown_user', 'disabled', 'locked', 'overloaded'] as const
const REFRESH_OUTCOMES = ['rotate', 'replay', 'late_rotate', 'heal', 'replay_limited', 'theft', 'revoked', 'expired', 'state_lost', 'unknown'] as const
const LIMITS = ['route', ...Object.keys(GUESS_BUDGETS) as GuessBudgetName[]] as const

/** One of HTTP's five classes; more would only be more series. */
type StatusClass = `${1 | 2 | 3 | 4 | 5}xx`

/** What the API counts; nothing in it names a user, a session or an address. */
export interface ApiMetrics {
  /** @param result `signed_in`, or why not */
  loggedIn: (result: typeof LOGIN_RESULTS[number]) => void
  /** @param outcome the word of the decision */
  refreshed: (outcome: typeof REFRESH_OUTCOMES[number]) => void
  /** @param seconds between a rotation and a replay of the token before it */
  replayed: (seconds: number) => void
  /** @param limit `route`, or the budget of wrong passwords */
  rateLimited: (limit: typeof LIMITS[number]) => void
  /** @param route method and path as they were declared, such as `DELETE /api/sessions/:id`; `none` for what is not there */
  answered: (route: string, status: StatusClass, seconds: number) => void
}

export function createApiMetrics (meter: Meter): ApiMetrics {
  const observeReplay = meter.histogram({
    name: 'refresh_replay_age_seconds',
    help: 'From a rotation to a replay of it, which was answered with the same token again',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300]
  })
  const observeAnswer = meter.histogram({
    name: 'http_request_seconds',
    help: 'From the arrival of a request until its answer was sent',
    labels: ['route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]
  })
  const loggedIn = meter.counter({ name: 'login_total', help: 'Sign-ins by their result', labels: { result: LOGIN_RESULTS } })
  const refreshed = meter.counter({ name: 'refresh_total', help: 'Refreshes by the decision on the refresh token, see refresh-rotation.md', labels: { outcome: REFRESH_OUTCOMES } })
  const rateLimited = meter.counter({ name: 'rate_limited_total', help: 'Refusals of a limit, see limits.md; `route` is requests, the others are wrong passwords', labels: { limit: LIMITS } })
  return {
    loggedIn: result => loggedIn({ result }),
    refreshed: outcome => refreshed({ outcome }),
    replayed: seconds => observeReplay(Math.max(0, seconds)),
    rateLimited: limit => rateLimited({ limit }),
    answered: (route, status, seconds) => observeAnswer(seconds, route, status)
  }
}
