import { EVENT_TYPES, type AuthEvent, type Meter } from '@fastify-uws-auth/auth-contract'
import type { Consumer } from '../consumers/consumer.js'
import type { OutboxState } from '../db/outbox.js'

/** What the worker counts of the way of events. */
export interface EventMetrics {
  outbox: (state: OutboxState) => void
  published: (event: AuthEvent) => void
  handled: (consumer: string, event: AuthEvent) => void
  died: (consumer: string) => void
}

/** @param consumers everybody whom events are handed on to */
export function createEventMetrics (meter: Meter, consumers: readonly Consumer[]): EventMetrics {
  let outbox: OutboxState = { waiting: 0, oldestSeconds: 0 }
  meter.gauge({ name: 'outbox_events', help: 'Events that wait to be handed on, of all workers; see events.md' }, () => outbox.waiting)
  meter.gauge({ name: 'outbox_oldest_seconds', help: 'For how long the first of these events has waited' }, () => outbox.oldestSeconds)
  const published = meter.counter({ name: 'events_published_total', help: 'Events handed on, by type', labels: { type: EVENT_TYPES } })
  const consumed = meter.counter({
    name: 'events_consumed_total', help: 'Events that a consumer was told of; `dead` ones became dead letters', labels: { consumer: ['relay', ...consumers.map(({ name }) => name)], result: ['handled', 'dead'] }
  })
  const delivery = meter.histogram({
    name: 'event_delivery_seconds', help: 'From an event until the work of a consumer was committed', labels: ['consumer'], buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]
  })
  return {
    outbox: state => { outbox = state },
    published: ({ type }) => published({ type }),
    handled (consumer, { time }) {
      consumed({ consumer, result: 'handled' })
      delivery(Math.max(0, (Date.now() - Date.parse(time)) / 1000), consumer)
    },
    died: consumer => consumed({ consumer, result: 'dead' })
  }
}
