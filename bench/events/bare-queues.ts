import { connect, type ConfirmChannel, type ConsumeMessage } from 'amqplib'
import type { Teardown } from '../harness/teardown.js'

const EXCHANGE = 'bare'

/** An exchange with quorum queues, and nothing else of ours. */
export interface BareQueues {
  /** Publishes some messages and waits until the broker has confirmed them all. */
  publish: (messages: readonly Buffer[]) => Promise<void>
  /** From now on tells of each message of the first queue, which is acknowledged at once. */
  consume: (onMessage: (message: ConsumeMessage) => void) => Promise<void>
  purge: () => Promise<void>
}

/**
 * What any program does that publishes with confirms: persistent messages to a topic exchange with quorum queues.
 * @param queues how many queues each message goes to
 */
export async function openBareQueues (t: Teardown, url: string, queues: number): Promise<BareQueues> {
  const connection = await connect(url)
  t.teardown(() => connection.close())
  const channel = await connection.createConfirmChannel()
  const names = Array.from({ length: queues }, (_, i) => `bare.${i}`)
  await channel.assertExchange(EXCHANGE, 'topic', { durable: true })
  for (const name of names) {
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-max-length': 1_000_000, 'x-overflow': 'reject-publish' } })
    await channel.bindQueue(name, EXCHANGE, 'login.succeeded')
  }
  return {
    publish: async messages => { await Promise.all(messages.map(content => confirmed(channel, content))) },
    async consume (onMessage) {
      const consuming = await connection.createChannel()
      await consuming.prefetch(200)
      await consuming.consume(names[0]!, message => {
        if (message === null) return
        consuming.ack(message)
        onMessage(message)
      })
    },
    async purge () { for (const name of names) await channel.purgeQueue(name) }
  }
}

async function confirmed (channel: ConfirmChannel, content: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const options = { persistent: true, contentType: 'application/cloudevents+json', type: 'login.succeeded' }
    channel.publish(EXCHANGE, 'login.succeeded', content, options, (err: Error | null) => { if (err === null) resolve(); else reject(err) })
  })
}
