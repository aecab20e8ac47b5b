import { createMeter } from '@fastify-uws-auth/auth-contract'
import type { Consumer } from '../consumers/consumer.js'
import { createConsumers } from '../consumers/create-consumers.js'
import { listDeadLetters, replayDeadLetters } from '../db/dead-letters.js'
import { listDeadQueues, replayDeadQueues } from '../events/dead-queues.js'
import { createMailMetrics } from '../mail/mail-metrics.js'
import { AdminError } from './admin-error.js'
import { none, one, parse } from './arguments.js'
import type { Command } from './commands.js'
import { printable } from './printable.js'

/** Not a consumer: what the outbox held and was no event. */
const RELAY = 'relay'

export const EVENT_COMMANDS: Record<string, Command> = {
  async 'event dead' ({ pool, amqpUrl, print }, args) {
    none(parse(args).positionals)
    const letters = [
      ...await listDeadLetters(pool),
      ...amqpUrl === undefined ? [] : await reached(listDeadQueues(amqpUrl, await allConsumers()))
    ]
    for (const { consumer, eventId, type, time, reason } of letters) print([consumer, eventId, type, time, reason].map(printable).join('\t'))
    print(`${letters.length} dead letter${letters.length === 1 ? '' : 's'}`)
  },

  async 'event replay' ({ pool, amqpUrl, print }, args) {
    const { values, positionals } = parse(args, { all: { type: 'boolean' } })
    const all = values['all'] === true
    if (all) none(positionals)
    const name = all ? undefined : one(positionals, 'CONSUMER')
    const consumers = await allConsumers()
    const names = [...consumers.map(({ name }) => name), RELAY]
    if (name !== undefined && !names.includes(name)) throw new AdminError(`there is no such consumer; there are ${names.join(', ')}`)
    const chosen = consumers.filter(consumer => all || consumer.name === name)
    // The broker first: it may not be there, and then nothing has happened.
    const fromBroker = amqpUrl === undefined ? 0 : await reached(replayDeadQueues(amqpUrl, chosen))
    print(`${fromBroker + await replayDeadLetters(pool, name)} dead letter(s) will be handed on again.`)
  }
}

async function allConsumers (): Promise<Consumer[]> {
  const meter = await createMeter(undefined)
  return createConsumers(meter, createMailMetrics(meter))
}

// Never the message: it may name the address.
async function reached<Result> (answer: Promise<Result>): Promise<Result> {
  return await answer.catch((err: NodeJS.ErrnoException) => { throw new AdminError(`RabbitMQ at AMQP_URL did not do it: ${err.code ?? err.name}`) })
}
