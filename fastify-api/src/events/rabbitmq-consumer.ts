import { setTimeout as sleep } from 'node:timers/promises'
import { whyNoEvent, type AuthEvent } from '@fastify-uws-auth/auth-contract'
import type { ChannelModel, ConsumeMessage } from 'amqplib'
import type { Consumer } from '../consumers/consumer.js'
import { deliver, type DeliveryContext } from './deliver.js'
import { messageIdOf } from './message-id.js'
import { parseJson } from './parse-json.js'
import { queueOf } from './rabbitmq-topology.js'

const PREFETCH = 200
const DATABASE_PAUSE_MS = 500

interface Delivery { message: ConsumeMessage, event: AuthEvent }

/**
 * Tells a consumer of what comes to its queue, as much at once as has come while it worked. A message is acknowledged when
 * the work is committed; what a crash cuts short comes again. What is no event goes to the dead letters.
 * @param onLost called when the channel ends and nobody asked for it
 * @returns how to stop: what is in hand is finished first
 */
export async function consumeQueue (context: DeliveryContext, model: ChannelModel, consumer: Consumer, onLost: () => void): Promise<() => Promise<void>> {
  const channel = await model.createChannel()
  const state = { open: true, stopping: false }
  let working: Promise<void> | undefined
  const arrived: ConsumeMessage[] = []

  const end = () => {
    if (state.open && !state.stopping) onLost()
    state.open = false
  }
  channel.on('error', () => {})                       // "close" follows
  channel.on('close', end)

  // The channel may have gone while we worked; then the broker delivers again, and the consumer ignores it. One answer is
  // for all that came before as well: batches are handled in the order in which they came, and what was buried is settled.
  const ackUpTo = (message: ConsumeMessage | undefined) => { if (state.open && message !== undefined) channel.ack(message, true) }
  const bury = (message: ConsumeMessage) => { if (state.open) channel.nack(message, false, false) }

  const read = (messages: ConsumeMessage[]): Delivery[] => messages.flatMap(message => {
    const value = parseJson(message.content)
    const reason = whyNoEvent(value)
    if (reason === undefined) return [{ message, event: value as AuthEvent }]
    context.log.error({ consumer: consumer.name, messageId: messageIdOf(message), reason }, 'a message is no event, it becomes a dead letter')
    context.metrics.died(consumer.name)
    bury(message)
    return []
  })

  const handle = async (deliveries: Delivery[]): Promise<void> => {
    for (let rest = deliveries; rest.length > 0 && state.open;) {
      const delivered = await deliver(context, consumer, rest.map(({ event }) => event)).catch(async () => {
        await sleep(DATABASE_PAUSE_MS)                // PostgreSQL is away; the messages are kept
        return { count: 0, died: undefined }
      })
      if (delivered.count === 0 && state.stopping) return
      const handled = delivered.died === undefined ? delivered.count : delivered.count - 1
      ackUpTo(rest[handled - 1]?.message)
      if (delivered.died !== undefined) bury(rest[handled]!.message)
      rest = rest.slice(delivered.count)
    }
  }

  const work = async (): Promise<void> => {
    while (arrived.length > 0 && state.open && !state.stopping) await handle(read(arrived.splice(0)))
    working = undefined
  }

  await channel.prefetch(PREFETCH)
  await channel.consume(queueOf(consumer.name), message => {
    if (message === null) return end()                // the broker has cancelled: the queue is gone
    arrived.push(message)
    working ??= work()
  })
  return async () => {
    state.stopping = true
    await working
    if (state.open) await channel.close().catch(() => {})
  }
}
