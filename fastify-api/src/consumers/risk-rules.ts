import type { EventType } from '@fastify-uws-auth/auth-contract'

/** What of an event a rule can look at; see `keysOf`. */
export type RiskKey = 'network' | 'account' | 'session'

/** Raises a risk when `threshold` distinct things were seen of one group within `windowMinutes`. */
export interface RiskRule {
  /** `rule` of the event `risk.detected`. */
  name: string
  types: readonly EventType[]
  groupBy: RiskKey
  counts: RiskKey
  threshold: number
  windowMinutes: number
  /** For so long after a risk there is no second one of the same group. At least the window, or one crowd would be two risks. */
  coolDownMinutes: number
}

/** Explained in docs/risk-rules.md. */
export const RISK_RULES: readonly RiskRule[] = [
  { name: 'many_accounts_from_one_source', types: ['login.failed'], groupBy: 'network', counts: 'account', threshold: 10, windowMinutes: 10, coolDownMinutes: 60 },
  { name: 'many_sources_on_one_account', types: ['login.failed'], groupBy: 'account', counts: 'network', threshold: 5, windowMinutes: 60, coolDownMinutes: 60 },
  { name: 'refreshed_elsewhere', types: ['session.refreshed_elsewhere'], groupBy: 'session', counts: 'session', threshold: 1, windowMinutes: 1, coolDownMinutes: 60 },
  { name: 'refresh_token_theft', types: ['session.theft'], groupBy: 'session', counts: 'session', threshold: 1, windowMinutes: 1, coolDownMinutes: 60 }
]
