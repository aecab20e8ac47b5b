import { createHash } from 'node:crypto'
import type { EventType, Meter } from '@fastify-uws-auth/auth-contract'
import { addObservations, findCrowdedWindows, lockGroups, raiseRisk, type RaisedRisk, type RiskObservation, type RiskWindow } from '../db/signals.js'
import type { Consumer } from './consumer.js'
import type { EventMembers } from './event-members.js'
import { observe, type Sighting } from './observe.js'
import { RISK_RULES } from './risk-rules.js'

/**
 * Looks at events by the risk rules. A risk is an event itself, recorded in the transaction of what was seen: one for a
 * group and cool-down, however many workers look, however late and in whichever order events come.
 */
export function createSignalsConsumer (meter: Meter): Consumer {
  const riskRaised = meter.counter({ name: 'risks_total', help: 'Risks that were detected, by rule; see risk-rules.md', labels: { rule: RISK_RULES.map(({ name }) => name) } })
  return {
    name: 'signals',
    types: [...new Set<EventType>(RISK_RULES.flatMap(({ types }) => types))],
    async handle (db, events) {
      const sightings = observe(events)
      if (sightings.length === 0) return
      await lockGroups(db, sightings)
      const news = new Set((await addObservations(db, sightings)).map(keyOf))
      const windows = await findCrowdedWindows(db, sightings.filter(sighting => news.has(keyOf(sighting))))
      const risks = toRisks(windows, sightings)
      for (const risk of risks) await raiseRisk(db, risk)
      return () => risks.forEach(({ rule }) => riskRaised({ rule }))
    }
  }
}

function keyOf ({ rule, group, minute, counted }: RiskObservation): string {
  return `${rule} ${group} ${minute} ${counted}`
}

/** @param windows earliest first: what makes the first one a risk is in the cool-down of the next */
function toRisks (windows: readonly RiskWindow[], sightings: readonly Sighting[]): RaisedRisk[] {
  const risks: RaisedRisk[] = []
  for (const window of windows) {
    const seen = sightings.filter(({ rule, group, minute, windowMinutes }) =>
      rule === window.rule && group === window.group && minute <= window.end && minute > window.end - windowMinutes)
    const last = seen.reduce((latest, sighting) => sighting.event.time >= latest.event.time ? sighting : latest)
    const cools = risks.some(({ rule, group, minute }) => rule === window.rule && group === window.group && window.end - minute < last.coolDownMinutes)
    if (!cools) risks.push(toRisk(window, last))
  }
  return risks
}

function toRisk ({ rule, group, end, count }: RiskWindow, { groupBy, event }: Sighting): RaisedRisk {
  const { ip = null, sessionId: sessionOfEvent = null }: EventMembers = event.data
  const sessionId = groupBy === 'session' ? sessionOfEvent : null
  return {
    rule,
    group,
    minute: end,
    eventId: riskId(rule, group, event.id),
    occurredAt: event.time,
    // What comes from one network concerns nobody in particular.
    userId: groupBy === 'network' ? undefined : event.subject,
    sessionId,
    requestId: event.requestid,
    data: { rule, count, ip, sessionId }
  }
}

/** The same for the same risk, should the event that raised it come again once everything about it is forgotten (RFC 9562, version 8). */
function riskId (rule: string, group: string, eventId: string): string {
  const bytes = createHash('sha256').update(`${rule} ${group} ${eventId}`).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
