import { dataSchemaOf, EVENT_DATA, EVENT_SOURCE, type AuthEvent, type EventType } from '@fastify-uws-auth/auth-contract'
import type { OutboxRow } from '../db/outbox.js'

/** The CloudEvents envelope of a row of the outbox. Whether it is an event, `whyNoEvent` says. */
export function toEnvelope ({ id, type, occurredAt, userId, sessionId, requestId, data }: OutboxRow): { id: string } {
  const envelope: Record<keyof AuthEvent, unknown> & { id: string } = {
    specversion: '1.0',
    id,
    source: EVENT_SOURCE,
    type,
    subject: userId ?? undefined,
    time: occurredAt.toISOString(),
    datacontenttype: 'application/json',
    dataschema: dataSchemaOf(type as EventType),
    partitionkey: sessionId ?? userId ?? id,
    requestid: requestId ?? undefined,
    data: namesSession(type) ? { ...data, sessionId } : data
  }
  return envelope
}

function namesSession (type: string): boolean {
  return Object.hasOwn(EVENT_DATA, type) && Object.hasOwn(EVENT_DATA[type as EventType].properties, 'sessionId')
}
