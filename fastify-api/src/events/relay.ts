import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { whyNoEvent, type AuthEvent } from '@fastify-uws-auth/auth-contract'
import { buryEvent } from '../db/dead-letters.js'
import { claimLanes, readLanes, readOutboxState, settleLanes } from '../db/outbox.js'
import type { DeliveryContext } from './deliver.js'
import { toEnvelope } from './envelope.js'
import type { EventTransport } from './event-transport.js'

const BATCH = 200
/** Batches that are handed on side by side, each of other lanes: while one waits for the broker's confirms, another is read. */
const BATCHES_AT_ONCE = 4
/** Of sixteen, for one batch. */
const LANES_AT_ONCE = 4
/** Longer than handing on a batch takes. What a worker that died had claimed waits for it. */
const LEASE_MS = 10_000
/** At most, and not evenly: those who look should not look together. */
const POLL_MS = 50
/** When nothing has happened for a while: one looks so often, the others seldom. */
const IDLE_POLL_MS = 250
const IDLE_OTHERS_POLL_MS = 2000
const IDLE_AFTER_MS = 10_000
const LONGEST_PAUSE_MS = 2000
const LOOK_EVERY_MS = 5000

/**
 * Hands the events of the outbox on, as long as it runs. Each at least once; those of one lane, and so of one session, in
 * their order. Several at once, in whichever processes, share the lanes.
 */
export function startRelay (context: DeliveryContext, transport: EventTransport): { close: () => Promise<void> } {
  const { pool, log, metrics } = context
  const stop = new AbortController()
  const { signal } = stop
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {})
  const upTo = (ms: number) => ms * (0.5 + Math.random() / 2)
  let lastMoved = performance.now()

  const relay = async (idlePollMs: number): Promise<void> => {
    let failures = 0
    while (!signal.aborted) {
      try {
        const moved = await relayOnce(context, transport)
        failures = 0
        if (moved > 0) lastMoved = performance.now()
        else await pause(upTo(performance.now() - lastMoved > IDLE_AFTER_MS ? idlePollMs : POLL_MS))
      } catch (err) {
        // Who is away says so itself, once; this is for whoever wants to know each time.
        log.debug({ err }, 'events could not be handed on, it will be tried again')
        failures += 1
        await pause(upTo(Math.min(LONGEST_PAUSE_MS, POLL_MS * 2 ** failures)))
      }
    }
  }
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      await readOutboxState(pool).then(metrics.outbox, () => {})
      await pause(LOOK_EVERY_MS)
    }
  }
  const running = Promise.all([relay(IDLE_POLL_MS), ...Array.from({ length: BATCHES_AT_ONCE - 1 }, () => relay(IDLE_OTHERS_POLL_MS)), look()])
  return {
    async close () {
      stop.abort()
      await running
    }
  }
}

/**
 * Hands on the first events of some lanes.
 * @returns how many the outbox has lost by it
 * @throws when they could not be handed on; they stay
 */
export async function relayOnce ({ pool, log, metrics }: DeliveryContext, transport: EventTransport): Promise<number> {
  const claim = await claimLanes(pool, randomUUID(), LEASE_MS, LANES_AT_ONCE)
  if (claim === undefined) return 0
  const settled: string[] = []
  try {
    const events: Array<{ position: string, event: AuthEvent }> = []
    for (const row of await readLanes(pool, claim, BATCH)) {
      const envelope = toEnvelope(row)
      const reason = whyNoEvent(envelope)
      if (reason === undefined) {
        events.push({ position: row.position, event: envelope as AuthEvent })
        continue
      }
      log.error({ eventId: envelope.id, requestId: row.requestId ?? undefined, reason }, 'the outbox holds something that is no event, it becomes a dead letter')
      metrics.died('relay')
      await buryEvent(pool, envelope, 'relay', reason)
      settled.push(row.position)
    }
    const count = events.length === 0 ? 0 : await transport.publish(events.map(({ event }) => event))
    for (const { position, event } of events.slice(0, count)) {
      metrics.published(event)
      settled.push(position)
    }
    return settled.length
  } finally {
    await settleLanes(pool, claim, settled)
  }
}
