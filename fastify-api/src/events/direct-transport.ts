import type { Consumer } from '../consumers/consumer.js'
import { buryEvent } from '../db/dead-letters.js'
import { deliver, type DeliveryContext } from './deliver.js'
import type { EventTransport } from './event-transport.js'

/** Feeds consumers out of the outbox, without a broker. What a consumer cannot take goes to the table of dead letters. */
export function createDirectTransport (context: DeliveryContext, consumers: readonly Consumer[]): EventTransport {
  return {
    async publish (events) {
      let count = events.length
      for (const consumer of consumers) {
        // Consumers that are told of an event again, because another took fewer, ignore it.
        const first = events.slice(0, count)
        const wanted = first.filter(({ type }) => consumer.types.includes(type))
        if (wanted.length === 0) continue
        const delivered = await deliver(context, consumer, wanted)
        const last = wanted[delivered.count - 1]!
        if (delivered.died !== undefined) await buryEvent(context.pool, last, consumer.name, delivered.died)
        if (delivered.count < wanted.length) count = first.indexOf(last) + 1
      }
      return count
    },
    async close () {}
  }
}
