import { EVENT_TYPES, type AuthEvent } from '@fastify-uws-auth/auth-contract'
import { appendToAuditLog, type AuditEntry } from '../db/audit.js'
import type { Consumer } from './consumer.js'
import type { EventMembers } from './event-members.js'

/** Keeps every event in the audit log, once. */
export const auditConsumer: Consumer = {
  name: 'audit',
  types: EVENT_TYPES,
  async handle (db, events) {
    await appendToAuditLog(db, events.map(toEntry))
  }
}

function toEntry ({ id, time, type, subject, requestid, data }: AuthEvent): AuditEntry {
  const { sessionId, ip, userAgent, ...rest }: EventMembers = data
  return { eventId: id, occurredAt: time, type, userId: subject, sessionId, requestId: requestid, ip, userAgent, data: rest }
}
