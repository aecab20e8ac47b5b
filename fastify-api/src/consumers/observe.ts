import type { AuthEvent } from '@fastify-uws-auth/auth-contract'
import type { RiskLimits, RiskObservation } from '../db/signals.js'
import type { EventMembers } from './event-members.js'
import { networkOf } from './network.js'
import { RISK_RULES, type RiskKey, type RiskRule } from './risk-rules.js'

/** What a rule sees in an event. */
export interface Sighting extends RiskObservation, RiskLimits {
  groupBy: RiskKey
  event: AuthEvent
}

/** What the rules see in these events; an event of which a rule does not know group or thing to count is nothing to it. */
export function observe (events: readonly AuthEvent[]): Sighting[] {
  return events.flatMap(event => RISK_RULES.filter(({ types }) => types.includes(event.type)).flatMap(rule => toSighting(rule, event) ?? []))
}

function toSighting ({ name, types, groupBy, counts, ...limits }: RiskRule, event: AuthEvent): Sighting | undefined {
  const { [groupBy]: group, [counts]: counted } = keysOf(event)
  if (group === undefined || counted === undefined) return undefined
  return { rule: name, group, counted, minute: Math.floor(Date.parse(event.time) / 60_000), groupBy, ...limits, event }
}

function keysOf ({ data }: AuthEvent): Record<RiskKey, string | undefined> {
  const { ip, account, sessionId }: EventMembers = data
  return { network: networkOf(ip ?? ''), account, session: sessionId ?? undefined }
}
