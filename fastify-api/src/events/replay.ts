import { setTimeout as sleep } from 'node:timers/promises'
import { isAuthEvent } from '@fastify-uws-auth/auth-contract'
import type { Consumer } from '../consumers/consumer.js'
import { claimReplays, forgetDeadLetter, keepDeadLetter } from '../db/dead-letters.js'
import { deliver, type DeliveryContext } from './deliver.js'

const LOOK_EVERY_MS = 1000

/** Hands dead letters of the table to their consumers once more when an operator has asked for it, as long as it runs. */
export function startReplay (context: DeliveryContext, consumers: readonly Consumer[]): { close: () => Promise<void> } {
  const stop = new AbortController()
  const running = (async () => {
    while (!stop.signal.aborted) {
      await replayOnce(context, consumers).catch(err => context.log.debug({ err }, 'dead letters could not be replayed, it will be tried again'))
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  })()
  return {
    async close () {
      stop.abort()
      await running
    }
  }
}

/** One round. @throws when PostgreSQL is away; the letters are still there */
export async function replayOnce (context: DeliveryContext, consumers: readonly Consumer[]): Promise<void> {
  for (const { consumer: name, event } of await claimReplays(context.pool)) {
    const consumer = consumers.find(consumer => consumer.name === name)
    if (consumer === undefined || !isAuthEvent(event)) continue
    const { died } = await deliver(context, consumer, [event])
    if (died === undefined) await forgetDeadLetter(context.pool, event.id, name)
    else await keepDeadLetter(context.pool, event.id, name, died)
  }
}
