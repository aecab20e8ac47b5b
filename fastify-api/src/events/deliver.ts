import { setTimeout as sleep } from 'node:timers/promises'
import type { AuthEvent } from '@fastify-uws-auth/auth-contract'
import pg from 'pg'
import type { Logger } from 'pino'
import type { Consumer } from '../consumers/consumer.js'
import { inTransaction } from '../db/queryable.js'
import { isDatabaseUnavailable } from '../db/unavailable.js'
import type { EventMetrics } from './event-metrics.js'

export interface DeliveryContext { pool: pg.Pool, log: Logger, metrics: EventMetrics }

/** How many of the first events are final now, and why the last of them is dead, if it is. */
export interface Delivered { count: number, died?: string }

/** Before an event that fails alone is tried again. */
const PAUSES_MS = [100, 500, 1000]

/**
 * Hands a consumer the first of some events: all of them in one transaction when it can take them, otherwise fewer and
 * fewer, so that one it cannot take is found. That one is tried again some times before it is given up.
 * @param events at least one
 * @throws when PostgreSQL is away, which says nothing about an event: repeat later
 */
export async function deliver (context: DeliveryContext, consumer: Consumer, events: readonly AuthEvent[]): Promise<Delivered> {
  for (let count = events.length; count > 1; count = Math.ceil(count / 2)) {
    const failure = await attempt(context, consumer, events.slice(0, count))
    if (failure === undefined) return { count }
  }
  const event = events[0]!
  let failure: unknown
  for (const pause of [0, ...PAUSES_MS]) {
    if (pause > 0) await sleep(pause)
    failure = await attempt(context, consumer, [event])
    if (failure === undefined) return { count: 1 }
  }
  context.log.error({ ...toldOf(failure), consumer: consumer.name, ...toldBy(event) }, 'a consumer cannot take an event, it becomes a dead letter')
  context.metrics.died(consumer.name)
  return { count: 1, died: reasonOf(failure) }
}

async function attempt ({ pool, log, metrics }: DeliveryContext, consumer: Consumer, events: readonly AuthEvent[]): Promise<unknown> {
  let done: Awaited<ReturnType<Consumer['handle']>>
  try {
    done = await inTransaction(pool, db => consumer.handle(db, events))
  } catch (err) {
    if (isDatabaseUnavailable(err)) throw err
    return err ?? new Error('a consumer threw nothing')
  }
  done?.()
  const tells = log.isLevelEnabled('debug')           // with thousands a second even what is not logged costs
  for (const event of events) {
    metrics.handled(consumer.name, event)
    if (tells) log.debug({ consumer: consumer.name, ...toldBy(event) }, 'an event is handled')
  }
  return undefined
}

function toldBy ({ id, type, requestid }: AuthEvent): { eventId: string, type: string, requestId: string | undefined } {
  return { eventId: id, type, requestId: requestid }
}

function toldOf (failure: unknown): { err: unknown } | { reason: string } {
  return failure instanceof pg.DatabaseError ? { reason: reasonOf(failure) } : { err: failure }
}

// What PostgreSQL says can hold the values that it was given; its code does not.
function reasonOf (failure: unknown): string {
  const { code, name } = failure as NodeJS.ErrnoException
  return code === undefined ? `${name}` : `${name} ${code}`
}
