import type { Channel } from 'amqplib'
import type { Consumer } from '../consumers/consumer.js'

/** Every event, by its type as routing key. Other services bind queues of their own to it. */
export const EVENTS_EXCHANGE = 'auth.events'
/** What consumers could not take, by the name of the consumer. */
const DEAD_EXCHANGE = 'auth.dead'

/** Then events are refused and stay in the outbox. */
const LONGEST_QUEUE = 1_000_000
/** A consumer or broker that dies counts as a delivery as well, so few would bury the innocent. */
const MOST_DELIVERIES = 20
const UNLIMITED_DELIVERIES = 1_000_000_000

export function queueOf (consumer: string): string {
  return `auth.${consumer}`
}

export function deadQueueOf (consumer: string): string {
  return `auth.${consumer}.dead`
}

/**
 * Declares the exchanges, and for each consumer its queue and that of its dead letters: quorum queues, so that what was
 * confirmed survives the loss of a node. A message leaves its queue for the dead letters only when it has arrived there.
 */
export async function declareTopology (channel: Channel, consumers: ReadonlyArray<Pick<Consumer, 'name' | 'types'>>): Promise<void> {
  await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true })
  await channel.assertExchange(DEAD_EXCHANGE, 'direct', { durable: true })
  for (const { name, types } of consumers) {
    await channel.assertQueue(deadQueueOf(name), { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': UNLIMITED_DELIVERIES } })
    await channel.bindQueue(deadQueueOf(name), DEAD_EXCHANGE, name)
    await channel.assertQueue(queueOf(name), {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        // Of several workers one is fed and the others stand by: two at once would change the order.
        'x-single-active-consumer': true,
        'x-delivery-limit': MOST_DELIVERIES,
        'x-max-length': LONGEST_QUEUE,
        'x-overflow': 'reject-publish',
        'x-dead-letter-exchange': DEAD_EXCHANGE,
        'x-dead-letter-routing-key': name,
        'x-dead-letter-strategy': 'at-least-once'
      }
    })
    for (const type of types) await channel.bindQueue(queueOf(name), EVENTS_EXCHANGE, type)
  }
}
