import { connect, type ConfirmChannel, type GetMessage } from 'amqplib'
import type { Consumer } from '../consumers/consumer.js'
import type { DeadLetter } from '../db/dead-letters.js'
import { messageIdOf } from './message-id.js'
import { parseJson } from './parse-json.js'
import { deadQueueOf, declareTopology, queueOf } from './rabbitmq-topology.js'
import { within } from './within.js'

const ANSWER_WITHIN_MS = 5000
/** Of each queue; a list of more is not read by anybody. */
const LISTED = 1000

type Named = Pick<Consumer, 'name' | 'types'>

/**
 * Reads dead letters out of the broker's queues and leaves them there.
 * @throws when RabbitMQ cannot be reached
 */
export async function listDeadQueues (url: string, consumers: readonly Named[]): Promise<Array<Omit<DeadLetter, 'diedAt'>>> {
  return await withChannel(url, consumers, async (channel, { name }) => {
    const letters: Array<Omit<DeadLetter, 'diedAt'>> = []
    // What is not acknowledged goes back when the channel closes.
    for (let message = await get(channel, name); message && letters.length < LISTED; message = await get(channel, name)) letters.push(describe(name, message))
    return letters
  })
}

/**
 * Gives the dead letters of consumers back to their queues, and to nobody else's. One is taken from the dead only when it has
 * arrived; what dies again meanwhile is not replayed a second time.
 * @returns how many
 * @throws when RabbitMQ cannot be reached or does not take one
 */
export async function replayDeadQueues (url: string, consumers: readonly Named[]): Promise<number> {
  const replayed = await withChannel(url, consumers, async (channel, { name }) => {
    const { messageCount } = await channel.checkQueue(deadQueueOf(name))
    let count = 0
    for (; count < messageCount; count++) {
      const message = await get(channel, name)
      if (!message) break
      const { contentType, messageId, type, timestamp } = message.properties
      channel.publish('', queueOf(name), message.content, { persistent: true, contentType, messageId, type, timestamp })
      await within(ANSWER_WITHIN_MS, channel.waitForConfirms())
      channel.ack(message)
    }
    return [count]
  })
  return sum(replayed)
}

/**
 * Throws the dead letters of consumers away.
 * @returns how many
 * @throws when RabbitMQ cannot be reached
 */
export async function discardDeadQueues (url: string, consumers: readonly Named[]): Promise<number> {
  return sum(await withChannel(url, consumers, async (channel, { name }) => {
    const { messageCount } = await within(ANSWER_WITHIN_MS, channel.purgeQueue(deadQueueOf(name)))
    return [messageCount]
  }))
}

function sum (counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

async function withChannel<Result> (url: string, consumers: readonly Named[], work: (channel: ConfirmChannel, consumer: Named) => Promise<Result[]>): Promise<Result[]> {
  const connection = await connect(url, { timeout: ANSWER_WITHIN_MS })
  connection.on('error', () => {})                    // whatever was asked rejects as well
  try {
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    await within(ANSWER_WITHIN_MS, declareTopology(channel, consumers))
    const results: Result[] = []
    for (const consumer of consumers) results.push(...await work(channel, consumer))
    await channel.close()
    return results
  } finally {
    await within(ANSWER_WITHIN_MS, connection.close()).catch(() => {})
  }
}

async function get (channel: ConfirmChannel, consumer: string): Promise<GetMessage | false> {
  return await within(ANSWER_WITHIN_MS, channel.get(deadQueueOf(consumer)))
}

function describe (consumer: string, message: GetMessage): Omit<DeadLetter, 'diedAt'> {
  const value = parseJson(message.content)
  const member = (name: string) => String(Object(value)[name] ?? '')
  return { consumer, eventId: member('id') || messageIdOf(message) || '', type: member('type'), time: member('time'), reason: String(message.properties.headers?.['x-first-death-reason'] ?? '') }
}
