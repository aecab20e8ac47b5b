import type { EventData, EventType } from '@fastify-uws-auth/auth-contract'
import type { Queryable } from './queryable.js'

/** Something that has happened. In a transaction with its cause it is recorded exactly when that is. */
export interface NewEvent<T extends EventType> {
  type: T
  userId?: string | undefined
  sessionId?: string | undefined
  requestId?: string | undefined
  /** `sessionId` is added when the event is handed on. */
  data: Omit<EventData<T>, 'sessionId'>
}

/** Puts an event into the outbox. */
export async function recordEvent<T extends EventType> (db: Queryable, event: NewEvent<T>): Promise<void> {
  await db.query({
    name: 'record-event',
    text: 'insert into outbox (type, user_id, session_id, request_id, data) values ($1, $2, $3, $4, $5)',
    values: [event.type, event.userId, event.sessionId, event.requestId, JSON.stringify(event.data)]
  })
}
