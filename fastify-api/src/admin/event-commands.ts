import { createMeter } from '@fastify-uws-auth/auth-contract'
import type { Consumer } from '../consumers/consumer.js'
import { createConsumers } from '../consumers/create-consumers.js'
import { discardDeadLetters, listDeadLetters, replayDeadLetters } from '../db/dead-letters.js'
import { discardDeadQueues, listDeadQueues, replayDeadQueues } from '../events/dead-queues.js'
import { describeRabbitMqFailure } from '../events/rabbitmq-failure.js'
import { createMailMetrics } from '../mail/mail-metrics.js'
import { AdminError } from './admin-error.js'
import { none, one, parse } from './arguments.js'
import type { Command } from './commands.js'
import { printable } from './printable.js'

/** Not a consumer: what the outbox held and was no event. */
const RELAY = 'relay'
const COLUMNS = ['consumer', 'event or message id', 'type', 'happened at', 'reason']
const NOT_SEEN = 'AMQP_URL is not set, so dead letters in RabbitMQ are not seen.'

export const EVENT_COMMANDS: Record<string, Command> = {
  async 'event dead' ({ pool, amqpUrl, print }, args) {
    none(parse(args).positionals)
    const letters = [
      ...await listDeadLetters(pool),
      ...amqpUrl === undefined ? [] : await reached(listDeadQueues(amqpUrl, await allConsumers()))
    ]
    if (letters.length > 0) print(COLUMNS.join('\t'))
    for (const { consumer, eventId, type, time, reason } of letters) print([consumer, eventId, type, time, reason].map(printable).join('\t'))
    print(`${letters.length} dead letter${letters.length === 1 ? '' : 's'}`)
    if (amqpUrl === undefined) print(NOT_SEEN)
  },

  async 'event replay' ({ pool, amqpUrl, print }, args) {
    const { values, positionals } = parse(args, { all: { type: 'boolean' } })
    const all = values['all'] === true
    if (all) none(positionals)
    const name = all ? undefined : one(positionals, 'CONSUMER')
    const chosen = await choose(name)
    // The broker first: it may not be there, and then nothing has happened.
    const fromBroker = amqpUrl === undefined ? 0 : await reached(replayDeadQueues(amqpUrl, chosen))
    print(`${fromBroker + await replayDeadLetters(pool, name)} dead letter(s) will be handed on again.`)
    if (amqpUrl === undefined) print(NOT_SEEN)
  },

  async 'event discard' ({ pool, amqpUrl, print }, args) {
    const name = one(parse(args).positionals, 'CONSUMER')
    const chosen = await choose(name)
    const fromBroker = amqpUrl === undefined ? 0 : await reached(discardDeadQueues(amqpUrl, chosen))
    print(`${fromBroker + await discardDeadLetters(pool, name)} dead letter(s) deleted.`)
    if (amqpUrl === undefined) print(NOT_SEEN)
  }
}

/** The consumer of a name, none for the relay; all of them without a name. @throws {AdminError} when there is none of that name */
async function choose (name: string | undefined): Promise<Consumer[]> {
  const consumers = await allConsumers()
  const names = [...consumers.map(({ name }) => name), RELAY]
  if (name !== undefined && !names.includes(name)) throw new AdminError(`there is no such consumer; there are ${names.join(', ')}`)
  return consumers.filter(consumer => name === undefined || consumer.name === name)
}

async function allConsumers (): Promise<Consumer[]> {
  const meter = await createMeter(undefined)
  return createConsumers(meter, createMailMetrics(meter))
}

async function reached<Result> (answer: Promise<Result>): Promise<Result> {
  return await answer.catch((err: Error) => { throw new AdminError(`RabbitMQ at AMQP_URL did not do it: ${describeRabbitMqFailure(err)}`) })
}
