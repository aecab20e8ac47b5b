import { connect, type ChannelModel, type ConfirmChannel, type RecoveringChannelModel } from 'amqplib'
import type { Logger } from 'pino'
import type { AuthEvent, EventType } from '@fastify-uws-auth/auth-contract'
import type { Consumer } from '../consumers/consumer.js'
import type { DeliveryContext } from './deliver.js'
import type { EventTransport } from './event-transport.js'
import { consumeQueue } from './rabbitmq-consumer.js'
import { describeRabbitMqFailure } from './rabbitmq-failure.js'
import { declareTopology, EVENTS_EXCHANGE } from './rabbitmq-topology.js'
import { within } from './within.js'

export const HEARTBEAT_SECONDS = '10'
const CONNECT_WITHIN_MS = 5000
/** A quorum queue without a leader answers nothing at all. */
export const ANSWER_WITHIN_MS = 5000
const RECOVERY = { initialDelay: 200, maxDelay: 5000, factor: 2, jitter: 0.3, maxRetries: Infinity }

/**
 * Publishes events to RabbitMQ and feeds the consumers from their queues. Connects again for ever, also when the broker is
 * not there yet; until then events stay where they are.
 */
export class RabbitMqTransport implements EventTransport {
  readonly #log: Logger
  readonly #context: DeliveryContext
  readonly #consumers: readonly Consumer[]
  readonly #connection: Promise<RecoveringChannelModel>
  #publishing: ConfirmChannel | undefined
  #drop: () => void = () => {}
  #stopConsumers: Array<() => Promise<void>> = []
  #away = false
  readonly #refused = new Set<EventType>()
  #closed = false

  constructor ({ url, context, consumers }: { url: string, context: DeliveryContext, consumers: readonly Consumer[] }) {
    this.#log = context.log
    this.#context = context
    this.#consumers = consumers
    this.#connection = connect(withHeartbeat(url), {
      timeout: CONNECT_WITHIN_MS,
      clientProperties: { connection_name: 'fastify-uws-auth worker' },
      recovery: { ...RECOVERY, waitForConnect: false, setup: (model: ChannelModel) => this.#setUp(model) }
    })
    this.#connection.then(connection => {
      connection.on('error', () => {})                // "disconnect" follows
      connection.on('connect', () => this.#onBack())
      connection.on('connect-failed', err => this.#onAway(err))
      connection.on('disconnect', err => this.#onAway(err))
    }, err => this.#onAway(err))
  }

  async publish (events: readonly AuthEvent[]): Promise<number> {
    const channel = this.#publishing
    if (channel === undefined) throw new Error('RabbitMQ is away')
    const confirmed = new Array<boolean>(events.length).fill(false)
    const answered = new Promise<void>(resolve => {
      let waiting = events.length
      for (const [index, event] of events.entries()) {
        const options = { persistent: true, contentType: 'application/cloudevents+json', messageId: event.id, type: event.type, timestamp: Math.floor(Date.parse(event.time) / 1000) }
        channel.publish(EVENTS_EXCHANGE, event.type, Buffer.from(JSON.stringify(event)), options, err => {
          confirmed[index] = err === null || err === undefined
          if (--waiting === 0) resolve()
        })
      }
    })
    const complete = await within(ANSWER_WITHIN_MS, answered).then(() => true, () => false)
    if (!complete) this.#drop()
    else this.#noteRefusals(events, confirmed)
    const refused = confirmed.indexOf(false)
    if (refused === 0) throw new Error('RabbitMQ has not taken the events')
    return refused === -1 ? events.length : refused
  }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all(this.#stopConsumers.map(stop => stop()))
    const connection = await this.#connection
    await within(ANSWER_WITHIN_MS, connection.close()).catch(() => {})
  }

  async #setUp (model: ChannelModel): Promise<void> {
    model.on('error', () => {})                       // one that comes before this ends would end the process
    // Whatever is wrong, a new connection begins anew. A broker that does not even close is cut off by the heartbeat.
    const drop = () => { model.close().catch(() => {}) }
    this.#stopConsumers = []
    await within(ANSWER_WITHIN_MS, this.#open(model, drop))
    this.#drop = drop
  }

  async #open (model: ChannelModel, drop: () => void): Promise<void> {
    const channel = await model.createConfirmChannel()
    channel.on('error', () => {})
    channel.on('close', () => {
      if (this.#publishing === channel) this.#publishing = undefined
      if (!this.#closed) drop()
    })
    await declareTopology(channel, this.#consumers)
    for (const consumer of this.#consumers) this.#stopConsumers.push(await consumeQueue(this.#context, model, consumer, drop))
    this.#publishing = channel
  }

  // Once until it takes them again. A queue of anybody that is bound to the exchange may be the one that refuses; those of
  // another type say nothing about it.
  #noteRefusals (events: readonly AuthEvent[], confirmed: readonly boolean[]): void {
    const wasRefusing = this.#refused.size > 0
    for (const [index, { type }] of events.entries()) if (confirmed[index]) this.#refused.delete(type)
    for (const [index, { type }] of events.entries()) if (!confirmed[index]) this.#refused.add(type)
    const isRefusing = this.#refused.size > 0
    if (isRefusing && !wasRefusing) this.#log.warn('RabbitMQ refuses events, some queue is full; they wait in the outbox until it takes them')
    if (!isRefusing && wasRefusing) this.#log.info('RabbitMQ takes events again')
  }

  #onBack (): void {
    if (this.#away) this.#log.info('RabbitMQ is back')
    this.#away = false
  }

  // Once until it is back, however often it is tried.
  #onAway (err: Error): void {
    this.#publishing = undefined
    if (!this.#away && !this.#closed) this.#log.warn({ reason: describeRabbitMqFailure(err) }, 'RabbitMQ is out of reach; events wait in the outbox until it is back')
    this.#away = true
  }
}

function withHeartbeat (url: string): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', HEARTBEAT_SECONDS)
  return parsed.href
}
