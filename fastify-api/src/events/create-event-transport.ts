import type { Consumer } from '../consumers/consumer.js'
import type { DeliveryContext } from './deliver.js'
import { createDirectTransport } from './direct-transport.js'
import type { EventTransport } from './event-transport.js'

/** The transport that the settings ask for: RabbitMQ when it is configured, otherwise the consumers of this process. */
export async function createEventTransport (amqpUrl: string | undefined, context: DeliveryContext, consumers: readonly Consumer[]): Promise<EventTransport> {
  if (amqpUrl === undefined) return createDirectTransport(context, consumers)
  const { RabbitMqTransport } = await import('./rabbitmq-transport.js')
  return new RabbitMqTransport({ url: amqpUrl, context, consumers })
}
